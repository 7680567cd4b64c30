package io.vela.cli.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.filter.ThresholdFilter;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeAndTimeBasedRollingPolicy;
import ch.qos.logback.core.spi.ContextAwareBase;
import ch.qos.logback.core.util.FileSize;

/**
 * Configures logback, which finds this as a service: warnings to stderr, and to the file that
 * {@code vela up} names everything from INFO on. In code because reading it from XML takes a tenth
 * of the whole start; who names a file with {@code logback.configurationFile} has that one.
 */
@ConfiguratorRank(ConfiguratorRank.CUSTOM_HIGH_PRIORITY)
public final class LogSetup extends ContextAwareBase implements Configurator {
  /** The system property with the log file's path, without its extension. */
  public static final String FILE = "vela.log";

  private static final String LOGBACK_FILE = "logback.configurationFile";
  private static final String FILE_LINE =
      "time=%d{\"yyyy-MM-dd'T'HH:mm:ss.SSSXXX\"} level=%level logger=%logger{0} %msg%n";
  private static final String STDERR_LINE = "%level %msg%n";
  // A person is told once; the trace is in the file.
  private static final String STDERR_LINE_BESIDE_FILE = "%level %msg%n%nopex";
  private static final FileSize MOST_OF_ONE = new FileSize(20 * FileSize.MB_COEFFICIENT);
  private static final FileSize MOST_OF_ALL = new FileSize(200 * FileSize.MB_COEFFICIENT);
  private static final int MOST_DAYS = 14;

  /** Made by logback. */
  public LogSetup() {}

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    if (System.getProperty(LOGBACK_FILE) != null) {
      return ExecutionStatus.INVOKE_NEXT_IF_ANY;
    }
    var root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    var file = System.getProperty(FILE);
    if (file == null) {
      root.setLevel(Level.WARN);
      root.addAppender(stderr(context, STDERR_LINE));
    } else {
      root.setLevel(Level.INFO);
      root.addAppender(file(context, file));
      root.addAppender(stderr(context, STDERR_LINE_BESIDE_FILE));
      context.getLogger("org.flywaydb").setLevel(Level.ERROR);
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static Appender<ILoggingEvent> stderr(LoggerContext context, String line) {
    var filter = new ThresholdFilter();
    filter.setContext(context);
    filter.setLevel(Level.WARN.toString());
    filter.start();
    var appender = new ConsoleAppender<ILoggingEvent>();
    appender.setContext(context);
    appender.setName("stderr");
    appender.setTarget("System.err");
    appender.setEncoder(encoder(context, line));
    appender.addFilter(filter);
    appender.start();
    return appender;
  }

  private static Appender<ILoggingEvent> file(LoggerContext context, String file) {
    var appender = new RollingFileAppender<ILoggingEvent>();
    appender.setContext(context);
    appender.setName("file");
    appender.setFile(file + ".log");
    appender.setEncoder(encoder(context, FILE_LINE));
    var policy = new SizeAndTimeBasedRollingPolicy<ILoggingEvent>();
    policy.setContext(context);
    policy.setParent(appender);
    policy.setFileNamePattern(file + ".%d{yyyy-MM-dd}.%i.log.gz");
    policy.setMaxFileSize(MOST_OF_ONE);
    policy.setMaxHistory(MOST_DAYS);
    policy.setTotalSizeCap(MOST_OF_ALL);
    policy.start();
    appender.setRollingPolicy(policy);
    appender.start();
    return appender;
  }

  private static PatternLayoutEncoder encoder(LoggerContext context, String line) {
    var encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(line);
    encoder.start();
    return encoder;
  }
}

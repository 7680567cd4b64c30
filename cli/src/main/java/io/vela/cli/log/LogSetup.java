package io.vela.cli.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.filter.ThresholdFilter;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.rolling.SizeAndTimeBasedRollingPolicy;
import ch.qos.logback.core.spi.ContextAwareBase;
import ch.qos.logback.core.util.FileSize;
import java.io.IOException;
import java.nio.file.Path;

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
      root.addAppender(stderr(context, new LogLine(true, true)));
    } else {
      root.setLevel(Level.INFO);
      root.addAppender(file(context, file));
      // A person is told once; the trace is in the file.
      root.addAppender(stderr(context, new LogLine(true, false)));
      context.getLogger("org.flywaydb").setLevel(Level.ERROR);
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static Appender<ILoggingEvent> stderr(LoggerContext context, LogLine line) {
    var filter = new ThresholdFilter();
    filter.setContext(context);
    filter.setLevel(Level.WARN.toString());
    filter.start();
    var appender = new ConsoleAppender<ILoggingEvent>();
    appender.setContext(context);
    appender.setName("stderr");
    appender.setTarget("System.err");
    appender.setEncoder(started(context, line));
    appender.addFilter(filter);
    appender.start();
    return appender;
  }

  private Appender<ILoggingEvent> file(LoggerContext context, String file) {
    var path = Path.of(file).toAbsolutePath();
    try {
      PrivateLogFile.closeOld(path.resolveSibling("."), String.valueOf(path.getFileName()));
    } catch (IOException e) {
      addError("the modes of older logs cannot be set", e);
    }
    var appender = new PrivateLogFile();
    appender.setContext(context);
    appender.setName("file");
    appender.setFile(file + ".log");
    appender.setEncoder(started(context, new LogLine(false, true)));
    var policy = new SizeAndTimeBasedRollingPolicy<ILoggingEvent>();
    policy.setContext(context);
    policy.setParent(appender);
    // Not compressed: the file keeps its mode, and is never one that others may read.
    policy.setFileNamePattern(file + ".%d{yyyy-MM-dd}.%i.log");
    policy.setMaxFileSize(MOST_OF_ONE);
    policy.setMaxHistory(MOST_DAYS);
    policy.setTotalSizeCap(MOST_OF_ALL);
    policy.start();
    appender.setRollingPolicy(policy);
    appender.start();
    return appender;
  }

  private static LogLine started(LoggerContext context, LogLine line) {
    line.setContext(context);
    line.start();
    return line;
  }
}

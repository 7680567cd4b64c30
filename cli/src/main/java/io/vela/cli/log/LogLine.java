package io.vela.cli.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.encoder.EncoderBase;
import io.vela.config.value.UntrustedText;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/**
 * Writes an event as one line of fields, with the lines of its exception below, which begin with a
 * tab. Messages of exceptions hold what Postgres or a source says, and are escaped as values are.
 */
final class LogLine extends EncoderBase<ILoggingEvent> {
  private static final String OWN_LOGGERS = "io.vela.";
  private static final int LONGEST_CAUSE = 8 * 1024;
  private static final int MOST_CAUSES = 20;
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSXXX").withZone(ZoneId.systemDefault());

  private final boolean forPerson;
  private final boolean traces;

  /**
   * @param forPerson whether time and logger are left out
   * @param traces whether exceptions are written
   */
  LogLine(boolean forPerson, boolean traces) {
    this.forPerson = forPerson;
    this.traces = traces;
  }

  @Override
  public byte[] headerBytes() {
    return new byte[0];
  }

  @Override
  public byte[] footerBytes() {
    return new byte[0];
  }

  @Override
  public byte[] encode(ILoggingEvent event) {
    var line = new StringBuilder(256);
    if (forPerson) {
      line.append(event.getLevel());
    } else {
      var logger = event.getLoggerName();
      line.append("time=")
          .append(TIME.format(Instant.ofEpochMilli(event.getTimeStamp())))
          .append(" level=")
          .append(event.getLevel())
          .append(" logger=")
          .append(logger.substring(logger.lastIndexOf('.') + 1));
    }
    line.append(' ').append(message(event)).append('\n');
    if (traces) {
      trace(event.getThrowableProxy(), "\t", line, MOST_CAUSES);
    }
    return line.toString().getBytes(UTF_8);
  }

  private static String message(ILoggingEvent event) {
    @Nullable Object @Nullable [] values = event.getArgumentArray();
    return event.getLoggerName().startsWith(OWN_LOGGERS)
        ? LogFields.format(event.getMessage(), values == null ? new @Nullable Object[0] : values)
        : LogFields.foreign(event.getFormattedMessage());
  }

  private static void trace(
      @Nullable IThrowableProxy thrown, String begin, StringBuilder lines, int left) {
    if (thrown == null || left == 0) {
      return;
    }
    lines.append(begin).append(thrown.getClassName());
    if (thrown.getMessage() != null) {
      var message = new UntrustedText(thrown.getMessage());
      lines.append(": ").append(message.withoutSecrets().line(LONGEST_CAUSE));
    }
    lines.append('\n');
    var frames = thrown.getStackTraceElementProxyArray();
    for (int i = 0; i < frames.length - thrown.getCommonFrames(); i++) {
      lines.append("\t\t").append(frames[i].getSTEAsString()).append('\n');
    }
    for (var suppressed : thrown.getSuppressed()) {
      trace(suppressed, "\tSuppressed: ", lines, left - 1);
    }
    trace(thrown.getCause(), "\tCaused by: ", lines, left - 1);
  }
}

package io.vela.cli.branch;

import io.vela.config.MaxBytes;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.config.value.Durations;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What a branch may have of its own; what is not given is as its baseline's policy says. */
final class OwnSettings {
  @Option(
      names = "--suspend-after",
      paramLabel = "TIME",
      converter = DurationConverter.class,
      description = "How long without use until it sleeps, as 5min; else as the policy says.")
  private @Nullable Duration suspendAfter;

  @Option(
      names = "--on-idle",
      paramLabel = "WHAT",
      converter = OnIdleConverter.class,
      description =
          "What becomes of sessions that are idle for so long: park, stay-awake or disconnect; else"
              + " as the policy says.")
  private @Nullable OnIdle onIdle;

  @Option(
      names = "--park-after",
      paramLabel = "TIME",
      converter = DurationConverter.class,
      description =
          "How long a session may be idle before its backend is given back though the branch stays"
              + " awake; else as the policy says.")
  private @Nullable Duration parkAfter;

  @Option(
      names = "--max-bytes",
      paramLabel = "SIZE",
      converter = MaxBytesConverter.class,
      description =
          "How much of the pool it may take for itself, as 2GB or 10%%: no more than the policy"
              + " allows; else as the policy says.")
  private @Nullable MaxBytes maxBytes;

  JsonObject addTo(JsonObject body) {
    if (suspendAfter != null) {
      body.put("suspendAfter", Durations.format(suspendAfter));
    }
    if (onIdle != null) {
      body.put("onIdle", onIdle.toString());
    }
    if (parkAfter != null) {
      body.put("parkAfter", Durations.format(parkAfter));
    }
    if (maxBytes != null) {
      body.put("maxBytes", maxBytes.toString());
    }
    return body;
  }

  /** Reads a duration; a wrong one is wrong usage. */
  static final class DurationConverter implements ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
      try {
        return Durations.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** Reads a size or a share of the pool; a wrong one is wrong usage. */
  static final class MaxBytesConverter implements ITypeConverter<MaxBytes> {
    @Override
    public MaxBytes convert(String text) {
      try {
        return MaxBytes.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** Reads what becomes of idle sessions; anything else is wrong usage. */
  static final class OnIdleConverter implements ITypeConverter<OnIdle> {
    @Override
    public OnIdle convert(String text) {
      try {
        return OnIdle.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}

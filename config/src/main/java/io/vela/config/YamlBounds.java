package io.vela.config;

import io.vela.config.ConfigException.ConfigError;
import java.util.List;
import java.util.Optional;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ScalarEvent;

/**
 * Bounds what a YAML document may cost to read, before a tree is made of it: the tree is built by
 * recursion, and each alias repeats all that its anchor holds. The parser's events come one after
 * the other and cost nothing to walk.
 */
final class YamlBounds {
  /** The bytes of a file; a thousand baselines fit. */
  static final int MAX_BYTES = 1 << 20;

  static final int MAX_DEPTH = 32;
  static final int MAX_ALIASES = 50;
  static final int MAX_EVENTS = 50_000;

  /** The characters of one value; a path can be as long on Linux. */
  static final int MAX_SCALAR = 4096;

  private final String file;
  private int depth;
  private int aliases;
  private int events;

  private YamlBounds(String file) {
    this.file = file;
  }

  /**
   * Walks a document up to its end or to the first bound that it exceeds.
   *
   * @param file what to call it in errors
   */
  static void check(String file, Iterable<Event> document) throws ConfigException {
    var bounds = new YamlBounds(file);
    for (var event : document) {
      var exceeded = bounds.exceededBy(event);
      if (exceeded.isPresent()) {
        throw new ConfigException(List.of(exceeded.get()));
      }
    }
  }

  private Optional<ConfigError> exceededBy(Event event) {
    if (++events > MAX_EVENTS) {
      return error(event, "the file has more than %d values".formatted(MAX_EVENTS));
    }
    return switch (event) {
      case CollectionStartEvent _ -> {
        depth++;
        yield depth > MAX_DEPTH
            ? error(event, "values are nested deeper than %d".formatted(MAX_DEPTH))
            : Optional.empty();
      }
      case CollectionEndEvent _ -> {
        depth--;
        yield Optional.empty();
      }
      case AliasEvent _ -> {
        aliases++;
        yield aliases > MAX_ALIASES
            ? error(event, "the file has more than %d aliases".formatted(MAX_ALIASES))
            : Optional.empty();
      }
      case ScalarEvent scalar when scalar.getValue().length() > MAX_SCALAR ->
          error(event, "a value is longer than %d characters".formatted(MAX_SCALAR));
      default -> Optional.empty();
    };
  }

  private Optional<ConfigError> error(Event event, String problem) {
    int line = event.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
    return Optional.of(new ConfigError(file, line, "", problem));
  }
}

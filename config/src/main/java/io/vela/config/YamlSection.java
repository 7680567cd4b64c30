package io.vela.config;

import io.vela.config.ConfigException.ConfigError;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/**
 * One mapping of a YAML document, read key by key. What is wrong is added to a list that all
 * sections of a document share, and the default is taken instead, so that reading goes on and finds
 * the rest. A key without a value counts as absent.
 */
final class YamlSection {
  private final String file;
  private final String path;
  private final List<ConfigError> errors;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final List<String> known = new ArrayList<>();

  /** A key as it stands in the file, with its value. */
  private record Entry(Node key, Node value) {}

  private YamlSection(String file, String path, List<ConfigError> errors) {
    this.file = file;
    this.path = path;
    this.errors = errors;
  }

  /** The section that {@code node} is; an empty one, and an error, when it is not a mapping. */
  static YamlSection of(String file, String path, Optional<Node> node, List<ConfigError> errors) {
    var section = new YamlSection(file, path, errors);
    node.filter(value -> !isNull(value)).ifPresent(section::read);
    return section;
  }

  private void read(Node node) {
    if (!(node instanceof MappingNode mapping)) {
      error(node, path, "expected a mapping of keys to values");
      return;
    }
    for (var tuple : mapping.getValue()) {
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        error(tuple.getKeyNode(), path, "expected a name as key");
        continue;
      }
      if (entries.containsKey(key.getValue())) {
        error(key, child(key.getValue()), "the key is there twice");
        continue;
      }
      entries.put(key.getValue(), new Entry(key, tuple.getValueNode()));
    }
  }

  /** Whether a key has a single value, and not a section below it. */
  boolean isScalar(String key) {
    return Optional.ofNullable(entries.get(key))
        .map(Entry::value)
        .filter(node -> node instanceof ScalarNode && !isNull(node))
        .isPresent();
  }

  /** The section below a key. */
  YamlSection section(String key) {
    return of(file, child(key), value(key), errors);
  }

  /** The names in a section whose keys are free, with the section below each. */
  Map<String, YamlSection> sections(Function<String, Optional<String>> wrongKey) {
    var all = new LinkedHashMap<String, YamlSection>();
    entries.forEach(
        (name, entry) -> {
          known.add(name);
          var wrong = wrongKey.apply(name);
          if (wrong.isPresent()) {
            error(entry.key(), child(name), wrong.get());
          } else {
            all.put(name, section(name));
          }
        });
    return all;
  }

  /**
   * A single value.
   *
   * @param parse makes the value of the text, or throws {@link IllegalArgumentException} with what
   *     was expected
   */
  <T> T scalar(String key, Function<String, T> parse, T otherwise) {
    return value(key).flatMap(node -> scalar(node, child(key), parse)).orElse(otherwise);
  }

  /** A list of single values. */
  <T> List<T> scalars(String key, Function<String, T> parse, List<T> otherwise) {
    return list(key, (node, itemPath) -> scalar(node, itemPath, parse), otherwise);
  }

  /** The lists of single values in a section whose keys are free, by key. */
  <T> Map<String, List<T>> lists(Function<String, T> parse) {
    var all = new LinkedHashMap<String, List<T>>();
    for (var name : List.copyOf(entries.keySet())) {
      all.put(name, scalars(name, parse, List.of()));
    }
    return all;
  }

  /** A list of mappings. */
  <T> List<T> list(String key, Function<YamlSection, T> item, List<T> otherwise) {
    return list(
        key,
        (node, itemPath) -> Optional.of(item.apply(of(file, itemPath, Optional.of(node), errors))),
        otherwise);
  }

  private <T> List<T> list(
      String key, BiFunction<Node, String, Optional<T>> item, List<T> otherwise) {
    var value = value(key);
    if (value.isEmpty()) {
      return otherwise;
    }
    if (!(value.get() instanceof SequenceNode sequence)) {
      error(value.get(), child(key), "expected a list");
      return otherwise;
    }
    var items = new ArrayList<T>();
    int index = 0;
    for (var node : sequence.getValue()) {
      item.apply(node, child(key) + "[" + index + "]").ifPresent(items::add);
      index++;
    }
    // All were wrong, and have been reported: the list is not to be called empty as well.
    return items.isEmpty() && index > 0 ? otherwise : items;
  }

  /** Reports every key that was not asked for. */
  void end() {
    entries.forEach(
        (name, entry) -> {
          if (!known.contains(name)) {
            error(
                entry.key(),
                child(name),
                "unknown key; expected one of " + String.join(", ", known));
          }
        });
  }

  /** Adds what is wrong with a key, or with the section as a whole where the key is not there. */
  void error(String key, String problem) {
    var entry = Optional.ofNullable(entries.get(key));
    errors.add(new ConfigError(file, entry.map(e -> line(e.key())).orElse(0), child(key), problem));
  }

  private <T> Optional<T> scalar(Node node, String where, Function<String, T> parse) {
    if (!(node instanceof ScalarNode scalar)) {
      error(node, where, "expected a single value");
      return Optional.empty();
    }
    try {
      return Optional.of(parse.apply(scalar.getValue()));
    } catch (IllegalArgumentException e) {
      error(node, where, String.valueOf(e.getMessage()));
      return Optional.empty();
    }
  }

  private Optional<Node> value(String key) {
    known.add(key);
    return Optional.ofNullable(entries.get(key)).map(Entry::value).filter(node -> !isNull(node));
  }

  private String child(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private void error(Node node, String where, String problem) {
    errors.add(new ConfigError(file, line(node), where, problem));
  }

  private static int line(Node node) {
    return node.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
  }

  private static boolean isNull(Node node) {
    return node.getTag().equals(Tag.NULL);
  }
}

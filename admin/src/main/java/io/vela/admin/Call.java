package io.vela.admin;

import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Durations;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request as its action sees it, off the event loop.
 *
 * @param path the values in the path
 * @param query the query's parameters, the first of each name
 * @param body as it came
 */
record Call(Map<String, String> path, Map<String, String> query, Buffer body) {
  /** Does the work on a virtual thread; may block. */
  @FunctionalInterface
  interface Action {
    Reply run(Call call) throws Exception;
  }

  String path(String name) throws ProblemException {
    return require(name, path.get(name));
  }

  BranchName branch() throws ProblemException {
    return branchName(path("name"));
  }

  /** The only branch that the request is about, as far as its path says. */
  Optional<BranchName> about() {
    return Optional.ofNullable(path.get("name")).filter(BranchName::isValid).map(BranchName::new);
  }

  boolean flag(String name) throws ProblemException {
    var text = query.getOrDefault(name, "false");
    return switch (text) {
      case "true", "" -> true;
      case "false" -> false;
      default -> throw ProblemException.malformed(name + " is true or false, not \"" + text + "\"");
    };
  }

  /**
   * The body as JSON.
   *
   * @param members those that it may have
   */
  Json json(String... members) throws ProblemException {
    JsonObject json;
    try {
      json = body.length() == 0 ? new JsonObject() : body.toJsonObject();
    } catch (DecodeException | ClassCastException e) {
      throw ProblemException.malformed("the body is not a JSON object");
    }
    var known = List.of(members);
    for (var name : json.fieldNames()) {
      if (!known.contains(name)) {
        throw ProblemException.malformed(
            "unknown member \"" + name + "\"; expected " + String.join(", ", known));
      }
    }
    return new Json(json);
  }

  /** Reads members of a body, each either right or a problem. */
  record Json(JsonObject object) {
    Optional<String> text(String name) throws ProblemException {
      var value = object.getValue(name);
      if (value == null) {
        return Optional.empty();
      }
      if (value instanceof String text && !text.isEmpty()) {
        return Optional.of(text);
      }
      throw ProblemException.malformed("\"" + name + "\" is not a text");
    }

    /** A list of texts; empty when it is not there. */
    List<String> texts(String name) throws ProblemException {
      var value = object.getValue(name);
      if (value == null) {
        return List.of();
      }
      if (value instanceof JsonArray array
          && array.stream().allMatch(item -> item instanceof String text && !text.isEmpty())) {
        return array.stream().map(String.class::cast).toList();
      }
      throw ProblemException.malformed("\"" + name + "\" is not a list of texts");
    }

    String required(String name) throws ProblemException {
      return require(name, text(name).orElse(null));
    }

    Optional<BranchName> branch(String name) throws ProblemException {
      var text = text(name);
      return text.isEmpty() ? Optional.empty() : Optional.of(branchName(text.get()));
    }

    Optional<BaselineName> baselineIfAny(String name) throws ProblemException {
      return text(name).isEmpty() ? Optional.empty() : Optional.of(baseline(name));
    }

    BaselineName baseline(String name) throws ProblemException {
      try {
        return new BaselineName(required(name));
      } catch (IllegalArgumentException e) {
        throw ProblemException.malformed(String.valueOf(e.getMessage()));
      }
    }

    /** Whether it is true; not when it is not there. */
    boolean flag(String name) throws ProblemException {
      var value = object.getValue(name);
      if (value == null) {
        return false;
      }
      if (value instanceof Boolean flag) {
        return flag;
      }
      throw ProblemException.malformed("\"" + name + "\" is not true or false");
    }

    Optional<Duration> duration(String name) throws ProblemException {
      var text = text(name);
      if (text.isEmpty()) {
        return Optional.empty();
      }
      try {
        var duration = Durations.parse(text.get());
        if (duration.isPositive()) {
          return Optional.of(duration);
        }
      } catch (IllegalArgumentException e) {
        throw ProblemException.malformed(name + ": " + e.getMessage());
      }
      throw ProblemException.malformed(name + " must be more than 0");
    }
  }

  private static BranchName branchName(String text) throws ProblemException {
    try {
      return new BranchName(text);
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed(String.valueOf(e.getMessage()));
    }
  }

  private static String require(String name, @Nullable String value) throws ProblemException {
    if (value == null) {
      throw ProblemException.malformed("\"" + name + "\" is missing");
    }
    return value;
  }
}

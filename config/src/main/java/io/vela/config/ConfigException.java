package io.vela.config;

import java.util.List;
import java.util.stream.Collectors;

/** A configuration that cannot be used, with everything that is wrong with it. */
public final class ConfigException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<ConfigError> errors;

  /**
   * @param errors at least one, in the order of the file
   */
  public ConfigException(List<ConfigError> errors) {
    super(errors.stream().map(ConfigError::toString).collect(Collectors.joining("\n")));
    this.errors = List.copyOf(errors);
  }

  /** All of it, a line each. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }

  /** Everything that is wrong, in the order of the file. */
  public List<ConfigError> errors() {
    return errors;
  }

  /**
   * One thing that is wrong.
   *
   * @param file the file as it was named
   * @param line from 1; 0 when the file as a whole is meant
   * @param path where in the document, as {@code listen[0].address}; empty for the whole of it
   * @param problem what is wrong and what was expected
   */
  public record ConfigError(String file, int line, String path, String problem) {
    /** {@code file:line: path: problem}. */
    @Override
    public String toString() {
      return file
          + (line > 0 ? ":" + line : "")
          + ": "
          + (path.isEmpty() ? "" : path + ": ")
          + problem;
    }
  }
}

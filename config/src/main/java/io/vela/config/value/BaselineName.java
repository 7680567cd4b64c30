package io.vela.config.value;

import java.util.regex.Pattern;

/**
 * The name of a baseline, safe in a file name, a URL and SQL text because nothing else can be held.
 *
 * @param value one to 63 characters of {@code [a-z0-9._-]}, first and last a letter or digit
 */
public record BaselineName(String value) implements Comparable<BaselineName> {
  private static final Pattern FORM = Pattern.compile("[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?");

  /** What a name must look like, for messages. */
  public static final String RULE =
      "1 to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit";

  /**
   * @throws IllegalArgumentException when the value is not of that form
   */
  public BaselineName {
    if (!isValid(value)) {
      throw new IllegalArgumentException("invalid baseline name \"" + value + "\": " + RULE);
    }
  }

  /** Whether {@code value} could be a baseline name. */
  public static boolean isValid(String value) {
    return FORM.matcher(value).matches();
  }

  @Override
  public int compareTo(BaselineName other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}

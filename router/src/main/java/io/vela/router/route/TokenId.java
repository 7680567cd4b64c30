package io.vela.router.route;

import java.util.regex.Pattern;

/**
 * The public part of a token.
 *
 * @param value 4 to 16 of {@code [a-z0-9]}
 */
public record TokenId(String value) {
  private static final Pattern FORM = Pattern.compile("[a-z0-9]{4,16}");

  /**
   * @throws IllegalArgumentException for anything else
   */
  public TokenId {
    if (!isValid(value)) {
      throw new IllegalArgumentException("not a token id");
    }
  }

  /** Whether {@code value} could be a token's id. */
  public static boolean isValid(String value) {
    return FORM.matcher(value).matches();
  }

  @Override
  public String toString() {
    return value;
  }
}

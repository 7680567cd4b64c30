package io.vela.config.value;

/**
 * A text that must not reach a log, an error or a listing: it prints as {@code ***}.
 *
 * @param reveal the text itself; name the call where it is used, so that every place that reveals
 *     one can be found
 */
public record Secret(String reveal) {
  @Override
  public String toString() {
    return "***";
  }
}

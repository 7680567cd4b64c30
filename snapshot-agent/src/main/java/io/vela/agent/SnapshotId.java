package io.vela.agent;

import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * The opaque id of a snapshot.
 *
 * @param value 16 hexadecimal digits
 */
public record SnapshotId(String value) {
  private static final Pattern FORM = Pattern.compile("[0-9a-f]{16}");
  private static final SecureRandom RANDOM = new SecureRandom();

  /**
   * @throws IllegalArgumentException for anything but 16 hexadecimal digits
   */
  public SnapshotId {
    if (!FORM.matcher(value).matches()) {
      throw new IllegalArgumentException("not a snapshot id: " + value);
    }
  }

  /** A fresh id. */
  public static SnapshotId random() {
    var bytes = new byte[8];
    RANDOM.nextBytes(bytes);
    return new SnapshotId(HexFormat.of().formatHex(bytes));
  }

  @Override
  public String toString() {
    return value;
  }
}

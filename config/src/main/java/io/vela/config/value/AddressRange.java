package io.vela.config.value;

import java.net.InetAddress;
import java.util.Arrays;

/**
 * A range of IP addresses in CIDR notation (RFC 4632, RFC 4291).
 *
 * @param network its first address; bits behind the prefix are 0
 * @param prefix how many bits all its addresses share
 */
public record AddressRange(InetAddress network, int prefix) {
  /**
   * @throws IllegalArgumentException for a prefix that does not fit the address, or bits behind it
   */
  public AddressRange {
    var bits = network.getAddress().length * Byte.SIZE;
    if (prefix < 0 || prefix > bits) {
      throw new IllegalArgumentException("prefix " + prefix + " is not between 0 and " + bits);
    }
    if (!Arrays.equals(network.getAddress(), masked(network.getAddress(), prefix))) {
      throw new IllegalArgumentException(
          network.getHostAddress() + " has bits set behind its prefix of " + prefix);
    }
  }

  /**
   * Parses {@code 10.0.0.0/8}, {@code fd00::/8}, or an address alone.
   *
   * @throws IllegalArgumentException for anything else; host names are not looked up
   */
  public static AddressRange parse(String text) {
    int slash = text.indexOf('/');
    InetAddress address;
    int prefix;
    try {
      address = InetAddress.ofLiteral(slash < 0 ? text : text.substring(0, slash));
      prefix =
          slash < 0
              ? address.getAddress().length * Byte.SIZE
              : Integer.parseInt(text.substring(slash + 1));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a range of addresses; expected one like 10.0.0.0/8", e);
    }
    return new AddressRange(address, prefix);
  }

  /** Whether the address is in it. IPv4 addresses are only in ranges of IPv4. */
  public boolean contains(InetAddress address) {
    var bytes = address.getAddress();
    return bytes.length == network.getAddress().length
        && Arrays.equals(masked(bytes, prefix), network.getAddress());
  }

  private static byte[] masked(byte[] address, int prefix) {
    var masked = new byte[address.length];
    for (int i = 0; i < address.length; i++) {
      int kept = Math.clamp(prefix - (long) i * Byte.SIZE, 0, Byte.SIZE);
      masked[i] = (byte) (address[i] & (0xff << (Byte.SIZE - kept)));
    }
    return masked;
  }

  @Override
  public String toString() {
    return network.getHostAddress() + "/" + prefix;
  }
}

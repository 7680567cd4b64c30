package io.vela.config;

import io.vela.config.value.AddressRange;
import java.net.InetAddress;
import java.util.List;

/**
 * Whether a listener stands behind a load balancer that tells where clients come from (PROXY
 * protocol, versions 1 and 2).
 *
 * @param mode whether the header may, or must, be there
 * @param from whose headers are believed
 */
public record ProxyProtocolConfig(Mode mode, List<AddressRange> from) {
  /** No headers. */
  public static final ProxyProtocolConfig OFF = new ProxyProtocolConfig(Mode.OFF, List.of());

  /** What becomes of headers. */
  public enum Mode {
    /** They are no Postgres protocol, and end the connection. */
    OFF,
    /** They are read from the listed addresses; clients may also connect without. */
    OPTIONAL,
    /** Every connection comes from a listed address and begins with one, or is closed. */
    REQUIRED;

    static Mode parse(String text) {
      return TlsConfig.oneOf("PROXY protocol mode", text, values());
    }
  }

  /**
   * @throws IllegalArgumentException when headers are to be read and nobody's are believed
   */
  public ProxyProtocolConfig {
    from = List.copyOf(from);
    if (mode != Mode.OFF && from.isEmpty()) {
      throw new IllegalArgumentException("the PROXY protocol needs proxy-protocol-from");
    }
  }

  /** Whether headers from this address are believed. */
  public boolean believes(InetAddress peer) {
    return mode != Mode.OFF && from.stream().anyMatch(range -> range.contains(peer));
  }
}

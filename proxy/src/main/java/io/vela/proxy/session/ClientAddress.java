package io.vela.proxy.session;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Optional;

/**
 * Where a client comes from.
 *
 * @param text for people
 * @param ip empty when it is no IP address
 */
record ClientAddress(String text, Optional<InetAddress> ip) {
  static ClientAddress of(SocketAddress remote) {
    return remote instanceof InetSocketAddress inet && inet.getAddress() != null
        ? new ClientAddress(
            inet.getAddress().getHostAddress() + ":" + inet.getPort(),
            Optional.of(inet.getAddress()))
        : new ClientAddress(String.valueOf(remote), Optional.empty());
  }

  /** Whether what it sends stays on this host. */
  boolean isLoopback() {
    return ip.filter(InetAddress::isLoopbackAddress).isPresent();
  }

  @Override
  public String toString() {
    return text;
  }
}

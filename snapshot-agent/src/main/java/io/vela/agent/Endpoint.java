package io.vela.agent;

/**
 * Where an instance accepts connections. A sealed choice, so that an agent on another host can
 * answer with an address of its own.
 */
public sealed interface Endpoint {
  /**
   * A Unix domain socket on this host.
   *
   * @param socket absolute path of the socket file
   */
  record UnixSocket(String socket) implements Endpoint {}
}

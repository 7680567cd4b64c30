package io.vela.config;

import java.util.List;

/**
 * How connections are served.
 *
 * @param transport {@code auto}, {@code epoll}, {@code io_uring} or {@code nio}
 * @param eventLoops threads that relay; 0 for as many as suit the machine
 * @param busyPoll whether an event loop that has just been busy looks for more for some
 *     microseconds before it sleeps: answers come sooner, for a little CPU time that nobody else
 *     wanted. Epoll only
 */
public record NetworkConfig(String transport, int eventLoops, boolean busyPoll) {
  /** What {@link #transport} may be. */
  public static final List<String> TRANSPORTS = List.of("auto", "epoll", "io_uring", "nio");

  /** The best transport there is, as many event loops as suit, busy polling. */
  public static final NetworkConfig DEFAULT = new NetworkConfig("auto", 0, true);

  private static final int MAX_EVENT_LOOPS = 1024;

  /**
   * @throws IllegalArgumentException for an unknown transport or an impossible number of loops
   */
  public NetworkConfig {
    if (!TRANSPORTS.contains(transport)) {
      throw new IllegalArgumentException(
          "\""
              + transport
              + "\" is not a transport; expected one of "
              + String.join(", ", TRANSPORTS));
    }
    if (eventLoops < 0 || eventLoops > MAX_EVENT_LOOPS) {
      throw new IllegalArgumentException("expected auto or 1 to " + MAX_EVENT_LOOPS);
    }
  }
}

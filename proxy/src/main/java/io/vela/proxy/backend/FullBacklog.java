package io.vela.proxy.backend;

import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.unix.Errors;
import io.vela.agent.Endpoint;
import io.vela.proxy.net.Transport;
import java.net.ConnectException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Tells a full backlog of a Unix socket from an instance that is not there: {@code connect} fails
 * with {@code EAGAIN} (connect(2)), or the kernel itself waits for room, which only io_uring has it
 * do. No other connect to a Unix socket takes time.
 */
final class FullBacklog {
  private FullBacklog() {}

  /** Whether that is why an attempt to connect has failed. */
  static boolean isCauseOf(Throwable failure, Transport transport, Endpoint endpoint) {
    if (failure instanceof ConnectTimeoutException) {
      return true;
    }
    return transport == Transport.NIO
        ? ofNio(failure, endpoint)
        // The number of the error is in the message only.
        : failure instanceof ConnectException
            && String.valueOf(failure.getMessage())
                .contains("failed with error(%d)".formatted(Errors.ERRNO_EAGAIN_NEGATIVE));
  }

  /**
   * Java tells EAGAIN and ENOENT by their texts only, which are in the host's language;
   * ECONNREFUSED is a {@link ConnectException}.
   */
  private static boolean ofNio(Throwable failure, Endpoint endpoint) {
    return failure instanceof SocketException
        && !(failure instanceof ConnectException)
        && switch (endpoint) {
          case Endpoint.UnixSocket unix -> Files.exists(Path.of(unix.socket()));
        };
  }
}

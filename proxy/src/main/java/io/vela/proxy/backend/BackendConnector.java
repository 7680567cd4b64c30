package io.vela.proxy.backend;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.vela.agent.Endpoint;
import io.vela.proxy.net.Transport;
import java.time.Duration;

/** Opens connections to instances, on the event loop of whoever wants one. */
public final class BackendConnector {
  private final Transport transport;
  private final Duration timeout;

  /**
   * @param timeout until a connection is open; an instance whose backlog is full makes one wait
   */
  public BackendConnector(Transport transport, Duration timeout) {
    this.transport = transport;
    this.timeout = timeout;
  }

  /**
   * Connects. Never blocks; the future completes on {@code eventLoop}.
   *
   * @param eventLoop of this connector's transport
   * @param handler the channel's only handler
   */
  public ChannelFuture connect(EventLoop eventLoop, Endpoint endpoint, ChannelHandler handler) {
    return new Bootstrap()
        .group(eventLoop)
        .channel(transport.domainChannel())
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, Math.toIntExact(timeout.toMillis()))
        .handler(handler)
        .connect(transport.address(endpoint));
  }
}

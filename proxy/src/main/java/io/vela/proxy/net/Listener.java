package io.vela.proxy.net;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.vela.config.ConnectionLimits.Keepalive;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.function.Supplier;

/** An open address where clients are accepted. */
public final class Listener implements AutoCloseable {
  /**
   * Connections the system may complete ahead of accept: thousands that come at once must fit. The
   * system bounds it further ({@code net.core.somaxconn}, usually the same).
   */
  private static final int BACKLOG = 4096;

  private final Channel channel;

  private Listener(Channel channel) {
    this.channel = channel;
  }

  /**
   * Opens it. Blocks until it is bound.
   *
   * @param keepalive how clients that vanished are noticed, asked for each that is accepted
   * @param accepted what is done with each client's channel, on its event loop
   * @throws IOException when the address cannot be bound; the message names it and the cause
   */
  public static Listener open(
      HostPort address,
      Transport transport,
      EventLoopGroup eventLoops,
      Supplier<Keepalive> keepalive,
      ChannelInitializer<Channel> accepted)
      throws IOException {
    var bound =
        new ServerBootstrap()
            .group(eventLoops)
            .channel(transport.serverChannel())
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    transport.keepalive(keepalive.get()).forEach(channel.config()::setOption);
                    channel.pipeline().addLast(accepted);
                  }
                })
            .bind(new InetSocketAddress(address.host(), address.port()));
    return new Listener(await(bound, address));
  }

  private static Channel await(ChannelFuture bound, HostPort address) throws IOException {
    bound.awaitUninterruptibly();
    var cause = bound.cause();
    if (cause != null) {
      throw new IOException("cannot listen on " + address + ": " + reason(cause), cause);
    }
    return bound.channel();
  }

  private static String reason(Throwable cause) {
    return cause instanceof java.nio.channels.UnresolvedAddressException
        ? "the host name is unknown"
        : String.valueOf(cause.getMessage());
  }

  /** Where it listens, with the port that the system chose when port 0 was asked for. */
  public InetSocketAddress address() {
    return (InetSocketAddress) channel.localAddress();
  }

  /** Whether it accepts. */
  public boolean isOpen() {
    return channel.isActive();
  }

  /** Stops accepting; accepted connections stay. Blocks until it is closed. */
  @Override
  public void close() {
    channel.close().awaitUninterruptibly();
  }
}

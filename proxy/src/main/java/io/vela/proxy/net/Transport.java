package io.vela.proxy.net;

import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringChannelOption;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.vela.agent.Endpoint;
import io.vela.config.ConnectionLimits.Keepalive;
import io.vela.config.NetworkConfig;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.Map;
import jdk.net.ExtendedSocketOptions;

/**
 * How this process talks to the system's sockets. Clients and backends of a session must be of one
 * transport, for they share an event loop.
 */
public enum Transport {
  /** Linux epoll. */
  EPOLL {
    @Override
    IoHandlerFactory ioHandlers(boolean busyPoll) {
      return busyPoll ? EpollIoHandler.newFactory(0, BusyPoll::new) : EpollIoHandler.newFactory();
    }

    @Override
    Class<? extends ServerChannel> serverChannel() {
      return EpollServerSocketChannel.class;
    }

    @Override
    public Class<? extends Channel> domainChannel() {
      return EpollDomainSocketChannel.class;
    }

    @Override
    SocketAddress unixAddress(String path) {
      return new DomainSocketAddress(path);
    }

    @Override
    Map<ChannelOption<Integer>, Integer> keepalive(Keepalive keepalive) {
      return Map.of(
          EpollChannelOption.TCP_KEEPIDLE, (int) keepalive.idle().toSeconds(),
          EpollChannelOption.TCP_KEEPINTVL, (int) keepalive.interval().toSeconds(),
          EpollChannelOption.TCP_KEEPCNT, keepalive.count());
    }
  },
  /** Linux io_uring; only when configured. */
  IO_URING {
    @Override
    IoHandlerFactory ioHandlers(boolean busyPoll) {
      return IoUringIoHandler.newFactory();
    }

    @Override
    Class<? extends ServerChannel> serverChannel() {
      return IoUringServerSocketChannel.class;
    }

    @Override
    public Class<? extends Channel> domainChannel() {
      return IoUringDomainSocketChannel.class;
    }

    @Override
    SocketAddress unixAddress(String path) {
      return new DomainSocketAddress(path);
    }

    @Override
    Map<ChannelOption<Integer>, Integer> keepalive(Keepalive keepalive) {
      return Map.of(
          IoUringChannelOption.TCP_KEEPIDLE, (int) keepalive.idle().toSeconds(),
          IoUringChannelOption.TCP_KEEPINTVL, (int) keepalive.interval().toSeconds(),
          IoUringChannelOption.TCP_KEEPCNT, keepalive.count());
    }
  },
  /** What Java itself has; everywhere. */
  NIO {
    @Override
    IoHandlerFactory ioHandlers(boolean busyPoll) {
      return NioIoHandler.newFactory();
    }

    @Override
    Class<? extends ServerChannel> serverChannel() {
      return NioServerSocketChannel.class;
    }

    @Override
    public Class<? extends Channel> domainChannel() {
      return NioDomainSocketChannel.class;
    }

    @Override
    SocketAddress unixAddress(String path) {
      return UnixDomainSocketAddress.of(path);
    }

    @Override
    Map<ChannelOption<Integer>, Integer> keepalive(Keepalive keepalive) {
      return Map.of(
          NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE),
          (int) keepalive.idle().toSeconds(),
          NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL),
          (int) keepalive.interval().toSeconds(),
          NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPCOUNT),
          keepalive.count());
    }
  };

  /**
   * Finds a transport by its configured name.
   *
   * @param name {@code auto} (epoll where the system has it, else NIO), {@code epoll}, {@code
   *     io_uring} or {@code nio}
   * @throws TransportException when the name is unknown, or this system does not have that
   *     transport
   */
  public static Transport named(String name) throws TransportException {
    return switch (name) {
      case "auto" -> Epoll.isAvailable() ? EPOLL : NIO;
      case "epoll" -> available(EPOLL, Epoll.isAvailable(), Epoll::unavailabilityCause);
      case "io_uring" -> available(IO_URING, IoUring.isAvailable(), IoUring::unavailabilityCause);
      case "nio" -> NIO;
      default ->
          throw new TransportException(
              "unknown transport \"" + name + "\": auto, epoll, io_uring or nio", null);
    };
  }

  private static Transport available(
      Transport transport, boolean available, java.util.function.Supplier<Throwable> cause)
      throws TransportException {
    if (!available) {
      throw new TransportException(
          "transport " + transport + " is not available on this system", cause.get());
    }
    return transport;
  }

  /**
   * The threads that relay. Unless configured they are half the cores: for each message that one
   * relays, Postgres and its client have at least as much work to do, and threads that compete with
   * them for a core only wait for each other. The caller shuts the group down.
   */
  public EventLoopGroup newEventLoops(NetworkConfig network) {
    int count =
        network.eventLoops() > 0
            ? network.eventLoops()
            : Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    return new MultiThreadIoEventLoopGroup(
        count, new DefaultThreadFactory("vela-proxy"), ioHandlers(network.busyPoll()));
  }

  /** The address of an instance, in the form that {@link #domainChannel()} connects to. */
  public SocketAddress address(Endpoint endpoint) {
    return switch (endpoint) {
      case Endpoint.UnixSocket unix -> unixAddress(unix.socket());
    };
  }

  abstract IoHandlerFactory ioHandlers(boolean busyPoll);

  abstract Class<? extends ServerChannel> serverChannel();

  /** A channel to a Unix socket. */
  public abstract Class<? extends Channel> domainChannel();

  abstract SocketAddress unixAddress(String path);

  /** The options of accepted channels that make the system probe silent clients. */
  abstract Map<ChannelOption<Integer>, Integer> keepalive(Keepalive keepalive);

  @Override
  public String toString() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}

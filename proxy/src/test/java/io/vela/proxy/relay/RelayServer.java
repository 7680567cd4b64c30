package io.vela.proxy.relay;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.ClientTrace;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.Pings;
import io.vela.proxy.wire.SqlState;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import io.vela.proxy.wire.StartupPacketDecoder;
import io.vela.proxy.wire.TypedMessage;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Passes each startup through to one Postgres that trusts everybody, then relays. */
final class RelayServer {
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final Path socket;
  private final Channel listener;

  /** What has happened, in order. */
  final Queue<RelayEnd> ends = new ConcurrentLinkedQueue<>();

  final Queue<Session> sessions = new ConcurrentLinkedQueue<>();
  final AtomicLong relayed = new AtomicLong();

  /** A relay and its channels. */
  record Session(Channel client, Channel backend, RelayPair pair) {
    /** What waits to be taken by the client, in bytes. */
    long pendingToClient() {
      var buffer = client.unsafe().outboundBuffer();
      return buffer == null ? 0 : buffer.totalPendingWriteBytes();
    }
  }

  RelayServer(Path socket) throws InterruptedException {
    this.socket = socket;
    listener =
        new ServerBootstrap()
            .group(loops)
            .channel(EpollServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel client) {
                    client.pipeline().addLast(new StartupPacketDecoder(), new ClientStartup());
                  }
                })
            .bind(InetAddress.getLoopbackAddress(), 0)
            .sync()
            .channel();
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  void stop() throws InterruptedException {
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).sync();
  }

  private final class ClientStartup extends SimpleChannelInboundHandler<StartupPacket> {
    @Override
    protected void channelRead0(ChannelHandlerContext ctx, StartupPacket packet) {
      if (!(packet instanceof StartupMessage startup)) {
        throw new IllegalStateException("not expected here: " + packet);
      }
      var client = ctx.channel();
      client.config().setAutoRead(false);
      new Bootstrap()
          .group(client.eventLoop())
          .channel(EpollDomainSocketChannel.class)
          .handler(
              new ChannelInitializer<Channel>() {
                @Override
                protected void initChannel(Channel backend) {
                  backend
                      .pipeline()
                      .addLast(new MessageDecoder(10_000), new BackendStartup(client));
                }
              })
          .connect(new DomainSocketAddress(socket.toFile()))
          .addListener(
              (ChannelFuture connected) -> {
                var _ =
                    connected
                        .channel()
                        .writeAndFlush(
                            new FrontendMessages(client.alloc()).startup(startup).buffer());
              });
    }
  }

  private final class BackendStartup extends SimpleChannelInboundHandler<TypedMessage> {
    private final Channel client;

    BackendStartup(Channel client) {
      this.client = client;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, TypedMessage message) {
      var backend = ctx.channel();
      var payload = message.content();
      var copy = client.alloc().buffer();
      copy.writeByte(message.type()).writeInt(payload.readableBytes() + 4);
      copy.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
      var _ = client.writeAndFlush(copy);
      if (message.type() == BackendType.READY_FOR_QUERY) {
        var ending = new Ending();
        var pair =
            new RelayPair(
                client,
                backend,
                payload.getByte(payload.readerIndex()),
                new ClientTrace(Pings.NONE),
                0,
                ending,
                (_, bytes, _) -> relayed.addAndGet(bytes));
        ending.pair = pair;
        pair.start();
        sessions.add(new Session(client, backend, pair));
        client.pipeline().remove(ClientStartup.class);
        client.pipeline().remove(StartupPacketDecoder.class);
        backend.pipeline().remove(this);
        backend.pipeline().remove(MessageDecoder.class);
      }
    }
  }

  private final class Ending implements RelayListener {
    private @Nullable RelayPair pair;

    @Override
    public long millis() {
      return System.currentTimeMillis();
    }

    @Override
    public void clientEnded() {}

    @Override
    public void backendEnded(boolean untold) {
      if (untold && pair != null) {
        pair.terminate(
            ErrorMessage.fatal(SqlState.CRASH_SHUTDOWN, "the instance died"),
            Duration.ofSeconds(5));
      }
    }

    @Override
    public void framingBroken(Direction direction) {}

    @Override
    public void closed(RelayEnd end) {
      ends.add(end);
    }
  }
}

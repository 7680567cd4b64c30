package io.vela.proxy.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.vela.config.ConnectionLimits.Keepalive;
import io.vela.config.NetworkConfig;
import io.vela.config.value.HostPort;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeepaliveTest {
  private static final Keepalive KEEPALIVE =
      new Keepalive(Duration.ofSeconds(77), Duration.ofSeconds(7), 3);

  @ParameterizedTest
  @ValueSource(strings = {"epoll", "io_uring", "nio"})
  void theSystemIsToldWhenToProbe(String name) throws Exception {
    var transport = available(name);
    var loops = transport.newEventLoops(NetworkConfig.DEFAULT);
    var accepted = new CompletableFuture<Channel>();
    try (var listener =
            Listener.open(
                new HostPort("127.0.0.1", 0),
                transport,
                loops,
                KEEPALIVE,
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    accepted.complete(channel);
                  }
                });
        var socket = new Socket("127.0.0.1", listener.address().getPort())) {
      var channel = accepted.get(30, TimeUnit.SECONDS);
      assertThat(socket.isConnected()).isTrue();
      transport
          .keepalive(KEEPALIVE)
          .forEach(
              (option, value) ->
                  assertThat(channel.config().getOption(option))
                      .as(option.name())
                      .isEqualTo(value));
    } finally {
      loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).sync();
    }
  }

  private static Transport available(String name) {
    try {
      return Transport.named(name);
    } catch (TransportException e) {
      assumeTrue(false, String.valueOf(e.getMessage()));
      throw new AssertionError(e);
    }
  }
}

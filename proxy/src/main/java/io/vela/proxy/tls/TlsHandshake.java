package io.vela.proxy.tls;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.ssl.SslClientHelloHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Reads a ClientHello, and lets an {@link SslHandler} in its place do the handshake, whose outcome
 * Netty tells by an {@code SslHandshakeCompletionEvent}. One for a connection, first in its
 * pipeline, on its event loop. Sets no timer: whoever begins a handshake bounds it.
 *
 * <p>As with Postgres (alpn_cb in be-secure-openssl.c), a client that offers application protocols
 * must offer {@code postgresql}, else it gets the alert for that. One that connects directly, with
 * no SSLRequest before, must offer them: so no other protocol's client can be brought to talk to a
 * Postgres port. It is told after the handshake.
 */
public final class TlsHandshake extends SslClientHelloHandler<ClientHello> {
  /**
   * Several times what any client sends, with post-quantum keys; what is kept for a client that
   * nobody knows yet.
   */
  private static final int MAX_CLIENT_HELLO = 16 * 1024;

  /** A record of a fatal alert no_application_protocol (RFC 7301, section 3.2). */
  private static final byte[] NO_APPLICATION_PROTOCOL = {21, 3, 3, 0, 2, 2, 120};

  private final ServerTls tls;
  private final boolean direct;
  private ClientHello hello = ClientHello.UNREADABLE;
  private @Nullable SslHandler ssl;
  private boolean refused;

  /**
   * @param direct whether the client began with it, without an SSLRequest
   */
  public TlsHandshake(ServerTls tls, boolean direct) {
    super(MAX_CLIENT_HELLO);
    this.tls = tls;
    this.direct = direct;
  }

  @Override
  protected Future<ClientHello> lookup(
      ChannelHandlerContext context, @Nullable ByteBuf clientHello) {
    return context
        .executor()
        .newSucceededFuture(
            clientHello == null ? ClientHello.UNREADABLE : ClientHello.parse(clientHello));
  }

  @Override
  protected void onLookupComplete(ChannelHandlerContext context, Future<ClientHello> parsed) {
    if (refused) {
      return;
    }
    hello = parsed.getNow();
    if (hello.protocols().filter(offered -> !offered.contains(ServerTls.ALPN)).isPresent()) {
      refused = true;
      var _ = context.writeAndFlush(Unpooled.wrappedBuffer(NO_APPLICATION_PROTOCOL));
      context.fireUserEventTriggered(new Refused("no application protocol that is served"));
      return;
    }
    var handler = tls.context().newHandler(context.alloc());
    handler.setHandshakeTimeoutMillis(0);
    ssl = handler;
    context.pipeline().replace(this, "tls", handler);
  }

  /** Of a handshake that was refused before it began; the client is told, not yet closed. */
  public record Refused(String reason) {}

  /** Why the connection may not be used although the handshake succeeded; empty when it may. */
  public Optional<String> objection() {
    return direct && hello.protocols().isEmpty()
        ? Optional.of("direct TLS without ALPN")
        : Optional.empty();
  }

  /** The host that the client asked for, in lower case. */
  public Optional<String> serverName() {
    return hello.serverName();
  }

  /** What the client was shown. */
  public X509Certificate serverCertificate() {
    return tls.certificate();
  }

  /** The client's certificate and those that vouch for it, verified; empty when it showed none. */
  public List<X509Certificate> clientChain() {
    return ssl == null ? List.of() : clientChain(ssl.engine().getSession());
  }

  private static List<X509Certificate> clientChain(SSLSession session) {
    try {
      return java.util.Arrays.stream(session.getPeerCertificates())
          .map(X509Certificate.class::cast)
          .toList();
    } catch (SSLPeerUnverifiedException e) {
      // How the engines say that there is none.
      return List.of();
    }
  }

  /** The version and cipher that were agreed, for the log. */
  public String agreed() {
    if (ssl == null) {
      return "-";
    }
    var session = ssl.engine().getSession();
    return session.getProtocol() + " " + session.getCipherSuite();
  }
}

package io.vela.proxy.session;

import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.proxy.auth.ConnectionSecurity;
import io.vela.proxy.net.Entrance;
import io.vela.proxy.session.SessionState.AwaitingStartup;
import io.vela.proxy.session.SessionState.Securing;
import io.vela.proxy.tls.TlsHandshake;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.ProtocolViolation;
import java.util.Optional;

/**
 * How a session comes to TLS: by an SSLRequest, or because the client began with it. On the
 * connection's event loop.
 */
final class Encryption {
  private final Session session;
  private final Entrance.Settings settings;

  /**
   * @param settings of the listener, as they were when the client connected
   */
  Encryption(Session session, Entrance.Settings settings) {
    this.session = session;
    this.settings = settings;
  }

  /**
   * An SSLRequest.
   *
   * @throws ProtocolViolation when it is the second, or comes over TLS
   */
  void asked(AwaitingStartup awaiting) throws ProtocolViolation {
    if (settings.tls().isEmpty()) {
      session.enter(awaiting.refuseTls());
      session.client().refuseEncryption();
      return;
    }
    var handshake = new TlsHandshake(settings.tls().get(), false);
    var securing = awaiting.secure(handshake);
    if (session.client().hasSentMore()) {
      // It came in the clear, perhaps from somebody in between, and must not be taken for what
      // comes over TLS (CVE-2021-23214).
      throw new ProtocolViolation(Refusal.unencryptedAfterSslRequest());
    }
    session.enter(securing);
    session.client().grantTls(handshake);
  }

  /** The client has begun with TLS. */
  void begun(TlsHandshake handshake) {
    if (session.state() instanceof AwaitingStartup awaiting) {
      try {
        session.enter(awaiting.secure(handshake));
      } catch (ProtocolViolation e) {
        session.refuse(e.error(), Ending.MALFORMED);
      }
    }
  }

  /** The handshake is over. */
  void handshaken(SslHandshakeCompletionEvent event) {
    if (!(session.state() instanceof Securing securing)) {
      return;
    }
    var handshake = securing.handshake();
    if (!event.isSuccess()) {
      refused(reason(event.cause()));
      return;
    }
    var objection = handshake.objection();
    if (objection.isPresent()) {
      refused(objection.get());
      return;
    }
    session.secured(
        new ConnectionSecurity(
            session.address().isLoopback(),
            Optional.of(handshake.serverCertificate()),
            handshake.clientChain(),
            handshake.serverName()));
    session.log().secured(handshake);
    session.enter(securing.established());
  }

  /** No TLS comes of it; the client has been told what TLS lets it be told. */
  void refused(String reason) {
    if (session.state() instanceof Securing securing) {
      session.log().notSecured(reason);
      session.end(securing, Ending.TLS_FAILED);
      session.client().closeWhenSent();
    }
  }

  private static String reason(Throwable cause) {
    var message = cause.getMessage();
    return message == null ? cause.getClass().getSimpleName() : message;
  }

  /** What the listener demands of a connection before it hears its startup message. */
  Optional<ErrorMessage> demand() {
    var security = session.security();
    if (settings.tlsRequired() && !security.encrypted()) {
      return Optional.of(Refusal.tlsRequired());
    }
    if (security.encrypted()
        && security.clientChain().isEmpty()
        && settings.config().tls().clientCertificates() == ClientCertificates.REQUIRE) {
      return Optional.of(Refusal.clientCertificateRequired());
    }
    return Optional.empty();
  }

  /** The server name that the client asked for, when it is one that names a branch. */
  Optional<String> branchServerName() {
    var suffix = settings.config().suffix();
    return session
        .security()
        .serverName()
        .filter(
            name -> {
              int dot = name.indexOf('.');
              return dot > 0 && suffix.isPresent() && name.substring(dot + 1).equals(suffix.get());
            });
  }
}

package io.vela.proxy.tls;

import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslSessionContext;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.ClientCertificates;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.SSLException;

/**
 * What a listener's handshakes are done with. Immutable: connections that have begun keep theirs
 * when another takes its place. Safe for use from any thread.
 */
public final class ServerTls {
  /** The protocol's registered name (Postgres documentation, section 54.2.10; RFC 7301). */
  static final String ALPN = "postgresql";

  private final SslContext context;
  private final SslProvider provider;
  private final X509Certificate certificate;

  private ServerTls(SslContext context, SslProvider provider, X509Certificate certificate) {
    this.context = context;
    this.provider = provider;
    this.certificate = certificate;
  }

  /**
   * Reads the files that a configuration names. Blocks.
   *
   * @param config of a mode that is not off
   * @throws TlsException when one of them cannot be used
   */
  public static ServerTls load(TlsConfig config) throws TlsException {
    var identity =
        config
            .identity()
            .orElseThrow(() -> new TlsException("TLS needs certificate and key", null));
    var material = KeyMaterial.read(identity);
    var provider = provider(config.provider());
    try {
      var builder =
          SslContextBuilder.forServer(material.key(), material.chain())
              .sslProvider(provider)
              .protocols(protocols(config.minVersion()))
              .applicationProtocolConfig(
                  // The other behaviours are not offered by both providers; what the client
                  // offers is judged by TlsHandshake.
                  new ApplicationProtocolConfig(
                      Protocol.ALPN,
                      SelectorFailureBehavior.NO_ADVERTISE,
                      SelectedListenerFailureBehavior.ACCEPT,
                      ALPN));
      if (config.clientCertificates() != ClientCertificates.NONE && config.clientCa().isPresent()) {
        // A client that shows none, and must, is told so over the finished connection, as by
        // Postgres; an alert would tell it nothing.
        builder
            .clientAuth(ClientAuth.OPTIONAL)
            .trustManager(KeyMaterial.certificates(config.clientCa().get()));
      }
      var context = builder.build();
      if (context.sessionContext() instanceof OpenSslSessionContext sessions) {
        // As Postgres: a resumed session would skip what a handshake checks.
        sessions.setSessionCacheEnabled(false);
      }
      return new ServerTls(context, provider, material.chain().getFirst());
    } catch (SSLException e) {
      throw new TlsException("TLS cannot be set up: " + e.getMessage(), e);
    }
  }

  private static List<String> protocols(TlsConfig.Version min) {
    return switch (min) {
      case TLS_1_2 -> List.of("TLSv1.3", "TLSv1.2");
      case TLS_1_3 -> List.of("TLSv1.3");
    };
  }

  private static SslProvider provider(TlsConfig.Provider wanted) throws TlsException {
    return switch (wanted) {
      case AUTO -> OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
      case JDK -> SslProvider.JDK;
      case OPENSSL -> {
        if (!OpenSsl.isAvailable()) {
          throw new TlsException(
              "OpenSSL does not load here: " + OpenSsl.unavailabilityCause(),
              OpenSsl.unavailabilityCause());
        }
        yield SslProvider.OPENSSL;
      }
    };
  }

  SslContext context() {
    return context;
  }

  /** What clients are shown. */
  public X509Certificate certificate() {
    return certificate;
  }

  /** What does the cryptography, for the log. */
  public String provider() {
    return provider == SslProvider.JDK
        ? "jdk " + Runtime.version().feature()
        : provider.name().toLowerCase(Locale.ROOT) + " " + OpenSsl.versionString();
  }
}

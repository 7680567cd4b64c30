package io.vela.proxy.net;

import io.vela.config.ListenerConfig;
import io.vela.config.TlsConfig;
import io.vela.proxy.tls.ServerTls;
import io.vela.proxy.tls.TlsException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a listener's new connections begin with. It can be replaced while connections that have
 * begun go on with what they began with. Safe for use from any thread.
 */
public final class Entrance {
  private static final Logger log = LoggerFactory.getLogger(Entrance.class);

  private volatile Settings current;

  private Entrance(Settings first) {
    this.current = first;
  }

  /**
   * A configuration with its files read.
   *
   * @param tls there unless the mode is off
   */
  public record Settings(ListenerConfig config, Optional<ServerTls> tls) {
    /** Whether clients must use TLS. */
    public boolean tlsRequired() {
      return config.tls().mode() == TlsConfig.Mode.REQUIRE;
    }
  }

  /**
   * Reads the certificate files. Blocks.
   *
   * @throws TlsException when one of them cannot be used
   */
  public static Entrance open(ListenerConfig config) throws TlsException {
    return new Entrance(read(config));
  }

  /**
   * Takes another configuration and reads its files anew, for connections that begin from now on.
   * Blocks.
   *
   * @param config its address is not looked at
   * @throws TlsException when a file cannot be used; then nothing has changed
   */
  public synchronized void reload(ListenerConfig config) throws TlsException {
    current = read(config);
  }

  /**
   * Reads the certificate files anew. Blocks.
   *
   * @throws TlsException when one of them cannot be used; then the former certificate stays
   */
  public synchronized void reloadCertificates() throws TlsException {
    reload(current.config());
  }

  private static Settings read(ListenerConfig config) throws TlsException {
    if (config.tls().mode() == TlsConfig.Mode.OFF) {
      return new Settings(config, Optional.empty());
    }
    var tls = ServerTls.load(config.tls());
    var certificate = tls.certificate();
    log.info(
        "certificate loaded address={} provider=\"{}\" subject=\"{}\" expires={}",
        config.address(),
        tls.provider(),
        certificate.getSubjectX500Principal(),
        certificate.getNotAfter().toInstant());
    return new Settings(config, Optional.of(tls));
  }

  /** What a connection that begins now begins with. */
  public Settings current() {
    return current;
  }
}

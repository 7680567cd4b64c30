package io.vela.config;

import io.vela.config.value.Secret;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * How a listener encrypts. The files are read at the start and at each reload, not before.
 *
 * @param mode whether clients may, or must, use TLS
 * @param identity the server's certificate and key; there unless the mode is off
 * @param clientCa PEM certificates of those who vouch for clients
 * @param clientCertificates whether clients may, or must, show a certificate
 * @param minVersion the oldest TLS that is spoken
 * @param provider what does the cryptography
 */
public record TlsConfig(
    Mode mode,
    Optional<Identity> identity,
    Optional<Path> clientCa,
    ClientCertificates clientCertificates,
    Version minVersion,
    Provider provider) {
  /** No TLS. */
  public static final TlsConfig OFF =
      new TlsConfig(
          Mode.OFF,
          Optional.empty(),
          Optional.empty(),
          ClientCertificates.NONE,
          Version.TLS_1_2,
          Provider.AUTO);

  /** Whether connections are encrypted. */
  public enum Mode {
    /** Never. */
    OFF,
    /** When the client asks for it. */
    ALLOW,
    /** Always; a client that does not ask is refused. */
    REQUIRE;

    static Mode parse(String text) {
      return oneOf("TLS mode", text, values());
    }
  }

  /** Whether clients prove themselves with certificates. */
  public enum ClientCertificates {
    /** They are not asked. */
    NONE,
    /** They are asked; a certificate that is shown must be right. */
    REQUEST,
    /** They are asked, and refused without one. */
    REQUIRE;

    static ClientCertificates parse(String text) {
      return oneOf("choice", text, values());
    }
  }

  /** What does the cryptography. */
  public enum Provider {
    /** OpenSSL where its native part loads, else the JDK. */
    AUTO,
    /** OpenSSL (BoringSSL in netty-tcnative), or the start fails. */
    OPENSSL,
    /** The JDK. */
    JDK;

    static Provider parse(String text) {
      return oneOf("TLS provider", text, values());
    }
  }

  /** A version of TLS. */
  public enum Version {
    TLS_1_2,
    TLS_1_3;

    static Version parse(String text) {
      return switch (text) {
        case "1.2" -> TLS_1_2;
        case "1.3" -> TLS_1_3;
        default ->
            throw new IllegalArgumentException(
                "\"" + text + "\" is not a TLS version; expected 1.2 or 1.3");
      };
    }
  }

  /** A certificate with its key. */
  public sealed interface Identity {
    /** What opens the key; none when it lies open. */
    Optional<Password> password();
  }

  /**
   * Two PEM files.
   *
   * @param certificate the server's certificate, then those between it and its root
   * @param key the private key: PKCS#8 (also encrypted), PKCS#1 or SEC 1
   */
  public record PemFiles(Path certificate, Path key, Optional<Password> password)
      implements Identity {}

  /** A PKCS#12 file with one key. */
  public record Keystore(Path file, Optional<Password> password) implements Identity {}

  /** Where a password stands. */
  public sealed interface Password {
    /** In the configuration. */
    record Given(Secret secret) implements Password {}

    /** The first line of a file. */
    record InFile(Path file) implements Password {}
  }

  /**
   * @throws IllegalArgumentException for TLS without a certificate, or client certificates that
   *     nobody could vouch for
   */
  public TlsConfig {
    if (mode != Mode.OFF && identity.isEmpty()) {
      throw new IllegalArgumentException("TLS needs certificate and key, or keystore");
    }
    if (clientCertificates != ClientCertificates.NONE && clientCa.isEmpty()) {
      throw new IllegalArgumentException("client certificates need client-ca");
    }
  }

  static <E extends Enum<E>> E oneOf(String what, String text, E[] values) {
    var names = new StringBuilder();
    for (var value : values) {
      var name = value.name().toLowerCase(Locale.ROOT);
      if (name.equals(text)) {
        return value;
      }
      names.append(names.isEmpty() ? "" : ", ").append(name);
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is not a " + what + "; expected one of " + names);
  }
}

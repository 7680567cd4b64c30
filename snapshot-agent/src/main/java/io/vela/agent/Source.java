package io.vela.agent;

import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Where the data of a new snapshot comes from. */
public sealed interface Source {
  /**
   * A new cluster (superuser {@code postgres}, UTF-8, C.UTF-8 or C locale, checksums), then SQL.
   *
   * @param major Postgres's major version
   * @param seed scripts to run in order before it is frozen
   */
  record Empty(int major, List<Script> seed) implements Source {
    public Empty {
      seed = List.copyOf(seed);
    }
  }

  /**
   * SQL to run as superuser.
   *
   * @param database where
   * @param sql one or more statements
   */
  record Script(String database, String sql) {}

  /**
   * A stopped data directory on the agent's host. It is copied, never changed.
   *
   * @param path the folder that holds {@code PG_VERSION}
   */
  record Directory(String path) implements Source {}

  /**
   * A running server, copied with {@code pg_basebackup}.
   *
   * @param address its host and port
   * @param user a role that may replicate
   * @param password its password, when it needs one
   * @param tls how the connection to it is encrypted
   */
  record Physical(HostPort address, String user, Optional<Secret> password, Tls tls)
      implements Source {
    /** One whose connection is encrypted where it offers that. */
    public Physical(HostPort address, String user, Optional<Secret> password) {
      this(address, user, password, Tls.WHERE_OFFERED);
    }

    /** The same with that password. */
    public Physical withPassword(Secret secret) {
      return new Physical(address, user, Optional.of(secret), tls);
    }
  }

  /**
   * How a connection is encrypted and whom it trusts, as libpq has it (Postgres documentation,
   * section 32.19, "SSL Support"). Files are on the agent's host, in PEM, and the user that runs
   * Postgres must be able to read them.
   *
   * @param mode {@code sslmode}
   * @param rootCertificate {@code sslrootcert}: who may have signed the server's certificate
   * @param certificate {@code sslcert}: the client's own
   * @param key {@code sslkey}: its key
   */
  record Tls(
      TlsMode mode,
      Optional<String> rootCertificate,
      Optional<String> certificate,
      Optional<String> key) {
    /** Encrypted where the server offers it, whoever that is. */
    public static final Tls WHERE_OFFERED =
        new Tls(TlsMode.PREFER, Optional.empty(), Optional.empty(), Optional.empty());

    /**
     * @throws IllegalArgumentException when files are missing or named by no absolute path
     */
    public Tls {
      if (mode.verifies() && rootCertificate.isEmpty()) {
        throw new IllegalArgumentException(
            "sslmode=" + mode + " needs sslrootcert, the file of whom to trust");
      }
      if (certificate.isPresent() != key.isPresent()) {
        throw new IllegalArgumentException("sslcert and sslkey belong together");
      }
      for (var file : List.of(rootCertificate, certificate, key)) {
        if (file.isPresent() && !file.get().startsWith("/")) {
          throw new IllegalArgumentException(
              "sslrootcert, sslcert and sslkey take absolute paths on Vela's host");
        }
      }
      // As libpq: who names a root certificate wants it to count.
      mode = mode == TlsMode.REQUIRE && rootCertificate.isPresent() ? TlsMode.VERIFY_CA : mode;
    }
  }

  /** {@code sslmode}. */
  enum TlsMode {
    DISABLE,
    ALLOW,
    PREFER,
    REQUIRE,
    VERIFY_CA,
    VERIFY_FULL;

    /** Whether the server's certificate must be good. */
    public boolean verifies() {
      return this == VERIFY_CA || this == VERIFY_FULL;
    }

    /** As it is written. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }
}

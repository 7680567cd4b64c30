package io.vela.cli.up;

import io.vela.agent.exec.Command;
import io.vela.config.ListenerConfig;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.PemFiles;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The certificate of {@code vela up --tls-self-signed}: for this host's own names, and for the
 * domains whose names name branches. Kept in the data directory, where clients find it to verify
 * the server with; made anew when it runs out or when a name is missing. The JDK's keytool makes
 * it.
 */
final class SelfSignedCertificate {
  private static final Duration VALIDITY = Duration.ofDays(730);

  /** It is made anew when it would end before this, so that it does not while Vela runs. */
  private static final Duration RENEWAL = Duration.ofDays(60);

  private static final int PASSWORD_BYTES = 32;
  private static final int DNS_NAME = 2;

  private final Path folder;
  private final InstantSource clock;

  SelfSignedCertificate(Path data, InstantSource clock) {
    this.folder = data.resolve("tls");
    this.clock = clock;
  }

  /** What clients verify the server with ({@code sslrootcert}). */
  Path certificate() {
    return folder.resolve("server.crt");
  }

  private Path key() {
    return folder.resolve("server.key");
  }

  /**
   * The same listeners, those without TLS with this certificate, which clients may use or not. The
   * certificate is made if need be. Blocks.
   *
   * @throws IOException when it cannot be made or kept
   */
  List<ListenerConfig> forListeners(List<ListenerConfig> listeners)
      throws IOException, InterruptedException {
    keep(listeners.stream().flatMap(listener -> listener.suffix().stream()).toList());
    var tls =
        new TlsConfig(
            Mode.ALLOW,
            Optional.of(new PemFiles(certificate(), key(), Optional.empty())),
            Optional.empty(),
            ClientCertificates.NONE,
            TlsConfig.OFF.minVersion(),
            TlsConfig.OFF.provider());
    return listeners.stream()
        .map(listener -> listener.tls().mode() == Mode.OFF ? listener.withTls(tls) : listener)
        .toList();
  }

  private void keep(List<String> suffixes) throws IOException, InterruptedException {
    var names =
        Stream.concat(
                Stream.of("localhost"),
                suffixes.stream().flatMap(suffix -> Stream.of(suffix, "*." + suffix)))
            .distinct()
            .toList();
    if (!isGood(names)) {
      Files.createDirectories(folder);
      make(names);
    }
  }

  private boolean isGood(List<String> names) throws IOException {
    if (!Files.exists(certificate()) || !Files.exists(key())) {
      return false;
    }
    try (var in = Files.newInputStream(certificate())) {
      return CertificateFactory.getInstance("X.509").generateCertificate(in)
              instanceof X509Certificate kept
          && kept.getNotAfter().toInstant().isAfter(clock.instant().plus(RENEWAL))
          && dnsNames(kept).containsAll(names);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  private static TreeSet<String> dnsNames(X509Certificate certificate)
      throws CertificateParsingException {
    var names = new TreeSet<String>();
    var all = certificate.getSubjectAlternativeNames();
    if (all != null) {
      for (var name : all) {
        if (name.get(0).equals(DNS_NAME)) {
          names.add(String.valueOf(name.get(1)));
        }
      }
    }
    return names;
  }

  private void make(List<String> names) throws IOException, InterruptedException {
    var temporary =
        Files.createTempDirectory(
            folder,
            "new",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    var keystore = temporary.resolve("keystore.p12");
    var random = new byte[PASSWORD_BYTES];
    new SecureRandom().nextBytes(random);
    var password = new Secret(HexFormat.of().formatHex(random));
    try {
      run(names, keystore, password);
      split(temporary, keystore, password);
    } finally {
      Files.deleteIfExists(keystore);
      Files.deleteIfExists(temporary);
    }
  }

  private static void run(List<String> names, Path keystore, Secret password)
      throws IOException, InterruptedException {
    var subjects = new ArrayList<>(List.of("ip:127.0.0.1", "ip:::1"));
    names.forEach(name -> subjects.add("dns:" + name));
    var made =
        Command.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "vela",
                "-dname",
                "CN=Vela",
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-sigalg",
                "SHA256withECDSA",
                "-validity",
                Long.toString(VALIDITY.toDays()),
                "-ext",
                "san=" + String.join(",", subjects),
                "-ext",
                "eku=serverAuth",
                "-storetype",
                "PKCS12",
                "-keystore",
                keystore.toString(),
                "-storepass:env",
                "VELA_KEYSTORE_PASSWORD")
            .env("VELA_KEYSTORE_PASSWORD", password.reveal())
            .run();
    if (!made.ok()) {
      throw new IOException("the self-signed certificate cannot be made: " + made.problem());
    }
  }

  /** Makes PEM files of the keystore, the form that clients read. */
  private void split(Path temporary, Path keystore, Secret password) throws IOException {
    try (var in = Files.newInputStream(keystore)) {
      var store = KeyStore.getInstance("PKCS12");
      var opened = password.reveal().toCharArray();
      store.load(in, opened);
      var privateKey = store.getKey("vela", opened);
      var certificate = store.getCertificate("vela");
      replace(temporary, key(), "rw-------", "PRIVATE KEY", privateKey.getEncoded());
      replace(temporary, certificate(), "rw-r--r--", "CERTIFICATE", certificate.getEncoded());
    } catch (GeneralSecurityException e) {
      throw new IOException("the self-signed certificate cannot be made: " + e.getMessage(), e);
    }
  }

  private static void replace(
      Path temporary, Path file, String permissions, String label, byte[] content)
      throws IOException {
    var made =
        Files.createFile(
            temporary.resolve(label),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(
        made,
        "-----BEGIN %s-----\n%s\n-----END %s-----\n"
            .formatted(
                label,
                Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content),
                label));
    Files.setPosixFilePermissions(made, PosixFilePermissions.fromString(permissions));
    Files.move(made, file, StandardCopyOption.ATOMIC_MOVE);
  }
}

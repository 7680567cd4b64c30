package io.vela.config;

import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Identity;
import io.vela.config.TlsConfig.Keystore;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.Password;
import io.vela.config.TlsConfig.PemFiles;
import io.vela.config.value.AddressRange;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

/** Reads an item of {@code listen}. */
final class ListenerSection {
  private final Function<String, Path> paths;

  private ListenerSection(Function<String, Path> paths) {
    this.paths = paths;
  }

  /**
   * @param paths makes a path of what stands in the file
   */
  static ListenerConfig read(YamlSection section, Function<String, Path> paths) {
    var reader = new ListenerSection(paths);
    var listener =
        new ListenerConfig(
            section.scalar("address", HostPort::parse, ListenerConfig.DEFAULT.address()),
            section.scalar(
                "default-branch", text -> Optional.of(new BranchName(text)), Optional.empty()),
            section.scalar(
                "suffix",
                text -> Optional.of(ListenerConfig.validSuffix(text)),
                Optional.<String>empty()),
            reader.tls(section.section("tls")),
            proxyProtocol(section),
            ConfigLoader.count(section, "max-connections"),
            AuthConfig.DEFAULT);
    var auth = auth(section);
    section.end();
    return valid(section, "auth", () -> listener.withAuth(auth), listener);
  }

  private static AuthConfig auth(YamlSection section) {
    var methods =
        section.scalars(
            "auth", AuthConfig.Method::parse, List.copyOf(AuthConfig.DEFAULT.methods()));
    var roles = section.section("certificate-roles").lists(ListenerSection::role);
    if (!roles.isEmpty() && !methods.contains(AuthConfig.Method.CERT)) {
      section.error("certificate-roles", "without cert in auth nothing uses them");
    }
    return valid(
        section, "auth", () -> new AuthConfig(Set.copyOf(methods), roles), AuthConfig.DEFAULT);
  }

  private static String role(String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("expected the name of a role");
    }
    return text;
  }

  private static ProxyProtocolConfig proxyProtocol(YamlSection section) {
    var mode =
        section.scalar(
            "proxy-protocol", ProxyProtocolConfig.Mode::parse, ProxyProtocolConfig.Mode.OFF);
    var from = section.scalars("proxy-protocol-from", AddressRange::parse, List.of());
    return valid(
        section,
        "proxy-protocol",
        () -> new ProxyProtocolConfig(mode, from),
        ProxyProtocolConfig.OFF);
  }

  private TlsConfig tls(YamlSection section) {
    var identity = identity(section);
    var clientCa = path(section, "client-ca");
    // Whoever names a certificate wants it used, and what is not said must be the safe thing.
    var mode = section.scalar("mode", Mode::parse, identity.isPresent() ? Mode.REQUIRE : Mode.OFF);
    var clientCertificates =
        section.scalar(
            "client-certificates",
            ClientCertificates::parse,
            clientCa.isPresent() ? ClientCertificates.REQUEST : ClientCertificates.NONE);
    var minVersion =
        section.scalar("min-version", TlsConfig.Version::parse, TlsConfig.OFF.minVersion());
    var provider = section.scalar("provider", TlsConfig.Provider::parse, TlsConfig.OFF.provider());
    section.end();
    return valid(
        section,
        "mode",
        () -> new TlsConfig(mode, identity, clientCa, clientCertificates, minVersion, provider),
        TlsConfig.OFF);
  }

  private Optional<Identity> identity(YamlSection section) {
    var certificate = path(section, "certificate");
    var key = path(section, "key");
    var keystore = path(section, "keystore");
    var password = password(section);
    if (keystore.isPresent()) {
      if (certificate.isPresent() || key.isPresent()) {
        section.error("keystore", "expected either keystore, or certificate and key");
      }
      return Optional.of(new Keystore(keystore.get(), password));
    }
    if (certificate.isPresent() != key.isPresent()) {
      section.error(
          certificate.isPresent() ? "certificate" : "key", "certificate and key go together");
    }
    return certificate.isPresent() && key.isPresent()
        ? Optional.of(new PemFiles(certificate.get(), key.get(), password))
        : Optional.empty();
  }

  private Optional<Password> password(YamlSection section) {
    var given =
        section.scalar(
            "password",
            text -> Optional.<Password>of(new Password.Given(new Secret(text))),
            Optional.<Password>empty());
    var file = path(section, "password-file");
    if (given.isPresent() && file.isPresent()) {
      section.error("password-file", "expected either password or password-file");
    }
    return given.or(() -> file.map(Password.InFile::new));
  }

  private Optional<Path> path(YamlSection section, String key) {
    return section.scalar(key, text -> Optional.of(paths.apply(text)), Optional.<Path>empty());
  }

  // What a record says of its parts together has the line of the key that brought them together.
  private static <T> T valid(YamlSection section, String key, Supplier<T> made, T otherwise) {
    try {
      return made.get();
    } catch (IllegalArgumentException e) {
      section.error(key, String.valueOf(e.getMessage()));
      return otherwise;
    }
  }
}

package io.vela.proxy.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import io.vela.agent.exec.Command;
import io.vela.config.TlsConfig.Keystore;
import io.vela.config.TlsConfig.Password;
import io.vela.config.TlsConfig.PemFiles;
import io.vela.config.value.Secret;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Keys in the forms in which OpenSSL writes them. */
class KeyMaterialTest {
  private static final Optional<Password> PASSWORD =
      Optional.of(new Password.Given(new Secret("open sesame")));

  @TempDir private Path folder;

  enum Kind {
    RSA,
    EC
  }

  private static X509Bundle issue(Kind kind) throws Exception {
    var builder = new CertificateBuilder().subject("CN=server").setIsCertificateAuthority(true);
    return (kind == Kind.RSA ? builder.rsa2048() : builder.ecp256()).buildSelfSigned();
  }

  private Path write(String name, String text) throws Exception {
    return Files.writeString(folder.resolve(name), text);
  }

  private Path openssl(String output, String... arguments) throws Exception {
    var argv = new ArrayList<>(List.of("openssl"));
    argv.addAll(List.of(arguments));
    var file = folder.resolve(output);
    argv.addAll(List.of("-out", file.toString()));
    var result = Command.of(argv).run();
    assertThat(result.ok()).as(result.problem()).isTrue();
    return file;
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void everyFormOfAKeyIsRead(Kind kind) throws Exception {
    var bundle = issue(kind);
    var certificate = write("server.crt", bundle.getCertificatePEM());
    var key = write("server.key", bundle.getPrivateKeyPEM());
    var in = key.toString();
    var traditional = openssl("traditional.key", "pkey", "-in", in, "-traditional");
    var encrypted =
        openssl("encrypted.key", "pkcs8", "-topk8", "-in", in, "-passout", "pass:open sesame");
    var keystore =
        openssl(
            "server.p12",
            "pkcs12",
            "-export",
            "-in",
            certificate.toString(),
            "-inkey",
            in,
            "-passout",
            "pass:open sesame");
    var passwordFile = write("password", "open sesame\n");

    assertThat(Files.readString(traditional)).contains("BEGIN " + kind + " PRIVATE KEY");
    for (var identity :
        List.of(
            new PemFiles(certificate, key, Optional.empty()),
            new PemFiles(certificate, traditional, Optional.empty()),
            new PemFiles(certificate, encrypted, PASSWORD),
            new Keystore(keystore, PASSWORD),
            new Keystore(keystore, Optional.of(new Password.InFile(passwordFile))))) {
      assertThat(KeyMaterial.read(identity).chain()).containsExactly(bundle.getCertificate());
    }
  }

  @Test
  void aWrongPasswordIsAnErrorThatNamesTheFile() throws Exception {
    var bundle = issue(Kind.EC);
    var certificate = write("server.crt", bundle.getCertificatePEM());
    var key = write("server.key", bundle.getPrivateKeyPEM());
    var encrypted =
        openssl(
            "encrypted.key", "pkcs8", "-topk8", "-in", key.toString(), "-passout", "pass:other");

    assertThatThrownBy(() -> KeyMaterial.read(new PemFiles(certificate, encrypted, PASSWORD)))
        .isInstanceOf(TlsException.class)
        .hasMessageStartingWith(encrypted + ": the key cannot be used");
    assertThatThrownBy(
            () -> KeyMaterial.read(new PemFiles(certificate, encrypted, Optional.empty())))
        .hasMessageContaining("it is encrypted and no password is given");
  }

  @Test
  void aKeyOfAnotherCertificateIsRefused() throws Exception {
    var certificate = write("server.crt", issue(Kind.EC).getCertificatePEM());
    for (var kind : Kind.values()) {
      var key = write(kind + ".key", issue(kind).getPrivateKeyPEM());
      assertThatThrownBy(() -> KeyMaterial.read(new PemFiles(certificate, key, Optional.empty())))
          .hasMessage(key + ": the key does not belong to the certificate");
    }
  }

  @Test
  void aMissingFileAndAFileWithoutACertificateAreErrors() throws Exception {
    var key = write("server.key", issue(Kind.EC).getPrivateKeyPEM());
    var absent = folder.resolve("absent");
    assertThatThrownBy(() -> KeyMaterial.read(new PemFiles(absent, key, Optional.empty())))
        .hasMessage(absent + ": the file does not exist");
    assertThatThrownBy(() -> KeyMaterial.read(new PemFiles(key, key, Optional.empty())))
        .hasMessage(key + ": no certificate in it");
    assertThatThrownBy(() -> KeyMaterial.read(new Keystore(absent, Optional.empty())))
        .hasMessage(absent + ": the file does not exist");
  }
}

package io.vela.proxy.auth;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.pkitesting.CertificateBuilder;
import io.vela.agent.exec.Command;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChannelBindingTest {
  @TempDir private Path folder;

  private X509Certificate certificate(String keyAlgorithm, String signature) throws Exception {
    var keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    var store = folder.resolve("store").toString();
    run(
        Command.of(
            keytool,
            "-genkeypair",
            "-alias",
            "a",
            "-dname",
            "CN=a",
            "-keyalg",
            keyAlgorithm,
            "-sigalg",
            signature,
            "-keystore",
            store,
            "-storepass",
            "secret"));
    var file = folder.resolve("a.crt");
    run(
        Command.of(
            keytool,
            "-exportcert",
            "-alias",
            "a",
            "-keystore",
            store,
            "-storepass",
            "secret",
            "-file",
            file.toString()));
    try (var in = Files.newInputStream(file)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  private static void run(Command command) throws Exception {
    var result = command.run();
    assertThat(result.ok()).as(result.problem()).isTrue();
  }

  private static byte[] hash(ChannelBinding binding) {
    var input = Base64.getDecoder().decode(binding.expectedBase64());
    var header = "p=tls-server-end-point,,".getBytes(StandardCharsets.UTF_8);
    assertThat(Arrays.copyOf(input, header.length)).isEqualTo(header);
    return Arrays.copyOfRange(input, header.length, input.length);
  }

  @ParameterizedTest
  @CsvSource({
    "RSA, MD5withRSA, SHA-256",
    "RSA, SHA1withRSA, SHA-256",
    "RSA, SHA224withRSA, SHA-224",
    "RSA, SHA256withRSA, SHA-256",
    "RSA, SHA384withRSA, SHA-384",
    "RSA, SHA512withRSA, SHA-512",
    "RSA, SHA512/256withRSA, SHA-512/256",
    "RSA, SHA3-256withRSA, SHA3-256",
    "EC, SHA1withECDSA, SHA-256",
    "EC, SHA384withECDSA, SHA-384",
    "RSASSA-PSS, RSASSA-PSS, SHA-384"
  })
  void theHashIsTheSignaturesUnlessThatIsWeak(String key, String signature, String hash)
      throws Exception {
    var certificate = certificate(key, signature);
    assertThat(hash(ChannelBinding.of(certificate).orElseThrow()))
        .isEqualTo(MessageDigest.getInstance(hash).digest(certificate.getEncoded()));
  }

  @Test
  void whatIsSignedWithoutAHashHasNone() throws Exception {
    assertThat(certificate("Ed25519", "Ed25519").getSigAlgName()).isEqualTo("Ed25519");
    assertThat(ChannelBinding.of(certificateOf(CertificateBuilder.Algorithm.ed25519))).isEmpty();
  }

  private static X509Certificate certificateOf(CertificateBuilder.Algorithm algorithm)
      throws Exception {
    return new CertificateBuilder()
        .algorithm(algorithm)
        .subject("CN=a")
        .setIsCertificateAuthority(true)
        .buildSelfSigned()
        .getCertificate();
  }
}

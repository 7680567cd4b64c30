package io.vela.proxy.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.AlgorithmParameters;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidParameterSpecException;
import java.security.spec.PSSParameterSpec;
import java.util.Base64;
import java.util.Locale;
import java.util.Optional;

/**
 * What ties a SCRAM exchange to the TLS connection below it: a hash of the certificate that the
 * server showed ({@code tls-server-end-point}, RFC 5929 section 4.1).
 *
 * @param expectedBase64 what the attribute {@code c} of the client's last message must be (RFC 5802
 *     section 7)
 */
record ChannelBinding(String expectedBase64) {
  /** The only type that Postgres has. */
  static final String TYPE = "tls-server-end-point";

  private static final String GS2_HEADER = "p=" + TYPE + ",,";

  /**
   * Of a certificate. Empty when it is signed by an algorithm without a hash of its own (Ed25519,
   * Ed448): for those the RFC defines nothing. Postgres offers the binding all the same, and then
   * neither it nor libpq can go through with it ("could not find digest for NID UNDEF"); not to
   * offer it lets their clients in.
   */
  static Optional<ChannelBinding> of(X509Certificate certificate) {
    try {
      var algorithm = signatureHash(certificate);
      return algorithm.isEmpty()
          ? Optional.empty()
          : Optional.of(
              to(MessageDigest.getInstance(algorithm.get()).digest(certificate.getEncoded())));
    } catch (CertificateEncodingException
        | NoSuchAlgorithmException
        | IOException
        | InvalidParameterSpecException e) {
      throw new IllegalStateException(
          "no channel binding for a certificate signed with " + certificate.getSigAlgName(), e);
    }
  }

  /** The hash that the signature uses; SHA-256 in place of MD5 and SHA-1, as the RFC says. */
  private static Optional<String> signatureHash(X509Certificate certificate)
      throws IOException, NoSuchAlgorithmException, InvalidParameterSpecException {
    var name = certificate.getSigAlgName().toUpperCase(Locale.ROOT);
    if (name.equals("RSASSA-PSS")) {
      return Optional.of(strong(pssHash(certificate)));
    }
    // Java names the others "SHA384withECDSA", "SHA3-256withRSA", "SHA512/256withRSA"; those
    // without a hash "Ed25519" and the like (Java Security Standard Algorithm Names).
    int with = name.indexOf("WITH");
    return with < 0 ? Optional.empty() : Optional.of(strong(name.substring(0, with)));
  }

  private static String pssHash(X509Certificate certificate)
      throws IOException, NoSuchAlgorithmException, InvalidParameterSpecException {
    var encoded = certificate.getSigAlgParams();
    if (encoded == null) {
      return "SHA-1"; // RFC 4055, section 3.1
    }
    var parameters = AlgorithmParameters.getInstance("RSASSA-PSS");
    parameters.init(encoded);
    return parameters.getParameterSpec(PSSParameterSpec.class).getDigestAlgorithm();
  }

  private static String strong(String hash) {
    return switch (hash) {
      case "MD5", "SHA1", "SHA-1" -> "SHA-256";
      default ->
          hash.matches("SHA[0-9].*") && !hash.startsWith("SHA3-")
              ? "SHA-" + hash.substring("SHA".length())
              : hash;
    };
  }

  private static ChannelBinding to(byte[] hash) {
    var input = new ByteArrayOutputStream();
    input.writeBytes(GS2_HEADER.getBytes(UTF_8));
    input.writeBytes(hash);
    return new ChannelBinding(Base64.getEncoder().encodeToString(input.toByteArray()));
  }
}

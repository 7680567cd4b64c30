package io.vela.proxy.auth;

import com.ongres.scram.common.ScramFunctions;
import com.ongres.scram.common.ScramMechanism;
import io.vela.config.value.Secret;
import java.util.Base64;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a server keeps to verify a password by SCRAM-SHA-256 without knowing it (RFC 5802 section
 * 3), in the form of {@code pg_authid.rolpassword}: {@code
 * SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey} (Postgres documentation, section 53.8).
 */
public final class ScramVerifier {
  static final int KEY_BYTES = 32;
  static final int DEFAULT_ITERATIONS = 4096;

  private static final Pattern FORM =
      Pattern.compile(
          "SCRAM-SHA-256\\$([0-9]{1,9}):([A-Za-z0-9+/=]+)\\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)");

  private final int iterations;
  private final byte[] salt;
  private final byte[] storedKey;
  private final byte[] serverKey;

  private ScramVerifier(int iterations, byte[] salt, byte[] storedKey, byte[] serverKey) {
    this.iterations = iterations;
    this.salt = salt;
    this.storedKey = storedKey;
    this.serverKey = serverKey;
  }

  /** Reads {@code rolpassword}; empty when it is something else, such as an md5 hash. */
  public static Optional<ScramVerifier> parse(Secret rolpassword) {
    var match = FORM.matcher(rolpassword.reveal());
    if (!match.matches()) {
      return Optional.empty();
    }
    try {
      var decoder = Base64.getDecoder();
      var verifier =
          new ScramVerifier(
              Integer.parseInt(match.group(1)),
              decoder.decode(match.group(2)),
              decoder.decode(match.group(3)),
              decoder.decode(match.group(4)));
      var sound =
          verifier.iterations > 0
              && verifier.storedKey.length == KEY_BYTES
              && verifier.serverKey.length == KEY_BYTES;
      return sound ? Optional.of(verifier) : Optional.empty();
    } catch (IllegalArgumentException notBase64) {
      return Optional.empty();
    }
  }

  /**
   * A verifier that no password matches, for a user that does not exist. It must be stable, or a
   * second attempt would tell that user from a real one; so all of it derives from a secret.
   */
  static ScramVerifier mock(String user, Secret secret) {
    return new ScramVerifier(
        DEFAULT_ITERATIONS,
        java.util.Arrays.copyOf(derive(secret, "salt", user), 16),
        derive(secret, "stored key", user),
        derive(secret, "server key", user));
  }

  private static byte[] derive(Secret secret, String purpose, String user) {
    return ScramFunctions.hmac(
        ScramMechanism.SCRAM_SHA_256, bytes(secret.reveal()), bytes(purpose + " " + user));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  int iterations() {
    return iterations;
  }

  String saltBase64() {
    return Base64.getEncoder().encodeToString(salt);
  }

  /**
   * Whether the proof shows knowledge of the password. Takes the same time whatever the answer.
   *
   * @param proof {@value #KEY_BYTES} bytes
   * @param authMessage RFC 5802 section 3
   */
  boolean proves(byte[] proof, String authMessage) {
    return ScramFunctions.verifyClientProof(
        ScramMechanism.SCRAM_SHA_256, proof, storedKey, authMessage);
  }

  /** What proves the server to the client. */
  String serverSignatureBase64(String authMessage) {
    return Base64.getEncoder()
        .encodeToString(
            ScramFunctions.serverSignature(ScramMechanism.SCRAM_SHA_256, serverKey, authMessage));
  }

  @Override
  public String toString() {
    return "ScramVerifier[***]";
  }
}

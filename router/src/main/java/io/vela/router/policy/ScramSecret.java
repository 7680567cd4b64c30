package io.vela.router.policy;

import com.ongres.scram.common.ScramFunctions;
import com.ongres.scram.common.ScramMechanism;
import com.ongres.scram.common.StringPreparation;
import io.vela.config.value.Secret;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A SCRAM-SHA-256 verifier in Postgres's form, {@code SCRAM-SHA-256$iterations:salt$stored:server}
 * (Postgres documentation, section 53.8; RFC 5802, section 3).
 */
final class ScramSecret {
  private static final int ITERATIONS = 4096;
  private static final int SALT_BYTES = 16;
  private static final Pattern FORM =
      Pattern.compile(
          "SCRAM-SHA-256\\$(\\d{1,7}):([A-Za-z0-9+/=]+)\\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)");

  private final int iterations;
  private final byte[] salt;
  private final byte[] storedKey;
  private final byte[] serverKey;

  private ScramSecret(int iterations, byte[] salt, byte[] storedKey, byte[] serverKey) {
    this.iterations = iterations;
    this.salt = salt;
    this.storedKey = storedKey;
    this.serverKey = serverKey;
  }

  /** Derives one from a password. Slow, as it should be. */
  static ScramSecret of(Secret password, SecureRandom random) {
    var salt = new byte[SALT_BYTES];
    random.nextBytes(salt);
    return derive(password, salt, ITERATIONS);
  }

  static Optional<ScramSecret> parse(Secret verifier) {
    var match = FORM.matcher(verifier.reveal());
    if (!match.matches()) {
      return Optional.empty();
    }
    var decoder = Base64.getDecoder();
    return Optional.of(
        new ScramSecret(
            Integer.parseInt(match.group(1)),
            decoder.decode(match.group(2)),
            decoder.decode(match.group(3)),
            decoder.decode(match.group(4))));
  }

  /** Whether it was derived from this password. Slow; takes the same time either way. */
  boolean matches(Secret password) {
    return MessageDigest.isEqual(storedKey, derive(password, salt, iterations).storedKey);
  }

  Secret asVerifier() {
    var encoder = Base64.getEncoder();
    return new Secret(
        "SCRAM-SHA-256$%d:%s$%s:%s"
            .formatted(
                iterations,
                encoder.encodeToString(salt),
                encoder.encodeToString(storedKey),
                encoder.encodeToString(serverKey)));
  }

  private static ScramSecret derive(Secret password, byte[] salt, int iterations) {
    var mechanism = ScramMechanism.SCRAM_SHA_256;
    var salted =
        ScramFunctions.saltedPassword(
            mechanism,
            StringPreparation.POSTGRESQL_PREPARATION,
            password.reveal().toCharArray(),
            salt,
            iterations);
    var clientKey = ScramFunctions.clientKey(mechanism, salted);
    return new ScramSecret(
        iterations,
        salt,
        ScramFunctions.storedKey(mechanism, clientKey),
        ScramFunctions.serverKey(mechanism, salted));
  }
}

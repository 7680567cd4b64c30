package io.vela.cli.up;

import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * A secret of the installation, made at the first start: what unknown users are shown derives from
 * it, so that they look the same after a restart as known ones do.
 */
final class KeptSecret {
  private static final int BYTES = 32;

  private final Path file;

  KeptSecret(Path data) {
    this.file = data.resolve("authentication.secret");
  }

  Secret read() throws IOException {
    if (!Files.exists(file)) {
      make();
    }
    return new Secret(Files.readString(file).strip());
  }

  private void make() throws IOException {
    var bytes = new byte[BYTES];
    new SecureRandom().nextBytes(bytes);
    var temporary =
        Files.createTempFile(
            file.resolveSibling(""),
            "authentication",
            ".new",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(temporary, HexFormat.of().formatHex(bytes) + "\n");
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
  }
}

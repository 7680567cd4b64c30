package io.vela.cli.up;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataLockTest {
  @TempDir Path data;

  @Test
  void onlyItsOwnerMayOpenAndThusLockIt() throws Exception {
    Files.createFile(
        data.resolve("vela.lock"),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-rw-rw-")));

    DataLock.take(data).close();

    assertThat(permissions()).isEqualTo("rw-------");
    Files.delete(data.resolve("vela.lock"));
    DataLock.take(data).close();
    assertThat(permissions()).isEqualTo("rw-------");
  }

  private String permissions() throws Exception {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(data.resolve("vela.lock")));
  }
}

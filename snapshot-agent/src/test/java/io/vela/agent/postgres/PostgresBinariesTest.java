package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.BinariesMissing;
import io.vela.agent.exec.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PostgresBinariesTest {
  private final Sandbox sandbox;

  PostgresBinariesTest() throws Exception {
    sandbox = new Sandbox();
  }

  @AfterEach
  void close() throws Exception {
    sandbox.close();
  }

  @Test
  void theSystemsComesBeforeTheEmbedded() throws Exception {
    var packaged = packaged(Sandbox.FIFTEEN);

    var installation = binaries(List.of()).installation(Sandbox.FIFTEEN);

    assertThat(installation.bin()).isEqualTo(packaged);
    assertThat(installation.libraries().resolve("plpgsql.so")).exists();
  }

  @Test
  void theConfiguredFolderComesFirst() throws Exception {
    packaged(Sandbox.FIFTEEN);
    var folder = sandbox.folder("configured");
    Files.createSymbolicLink(folder.resolve("15"), fifteen());

    assertThat(binaries(List.of(folder)).installation(Sandbox.FIFTEEN).bin())
        .isEqualTo(folder.resolve("15/bin"));
  }

  @Test
  void aConfiguredFolderWithAnotherVersionIsNotTaken() throws Exception {
    var folder = sandbox.folder("configured");
    Files.createSymbolicLink(folder.resolve("bin"), fifteen().resolve("bin"));

    assertThat(binaries(List.of(folder)).installation(Sandbox.EIGHTEEN).bin())
        .isNotEqualTo(folder.resolve("bin"));
  }

  @Test
  void theEmbeddedIsUnpackedWholeAndRunsAsTheServiceUser() throws Exception {
    var unpacked = sandbox.root().resolve("unpacked");

    var installation = new PostgresBinaries(List.of(), unpacked).installation(18);

    var program = installation.program("postgres").toString();
    var version = Command.of(sandbox.user().wrap(List.of(program, "--version"))).run();
    assertThat(version.stdout()).contains("(PostgreSQL) 18");
    assertThat(installation.libraries().resolve("plpgsql.so")).exists();
    try (var left = Files.list(unpacked)) {
      assertThat(left).hasSize(1);
    }
  }

  @ParameterizedTest
  @CsvSource({"17, postgres, postgresql-17", "16, postgres, postgresql-16"})
  void aMissingVersionNamesTheProgramAndThePackage(int major, String program, String packageName) {
    assertThatThrownBy(() -> binaries(List.of()).installation(major))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .isEqualTo(new BinariesMissing(major, program, packageName));
  }

  @Test
  void aNewerClientServesAnOlderServerButNotTheOtherWayRound() throws Exception {
    var client = Files.createFile(packaged(Sandbox.FIFTEEN).resolve("pg_basebackup"));
    Files.setPosixFilePermissions(client, PosixFilePermissions.fromString("rwxr-xr-x"));

    assertThat(binaries(List.of()).client(14, "pg_basebackup")).isEqualTo(client);
    assertThatThrownBy(() -> binaries(List.of()).client(18, "pg_basebackup"))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .isEqualTo(new BinariesMissing(18, "pg_basebackup", "postgresql-client-18"));
  }

  /** Binaries on a host whose packages are the sandbox's. */
  private PostgresBinaries binaries(List<Path> searchPath) {
    return new PostgresBinaries(searchPath, sandbox.root().resolve("usr"), Sandbox.UNPACKED);
  }

  /** The folder of that version's programs, as if it came with a package. */
  private Path packaged(int major) throws Exception {
    var version = sandbox.root().resolve("usr/lib/postgresql/" + major);
    Files.createDirectories(version.resolve("bin"));
    for (var program : List.of("initdb", "pg_ctl", "postgres")) {
      Files.createSymbolicLink(
          version.resolve("bin").resolve(program), fifteen().resolve("bin").resolve(program));
    }
    Files.createSymbolicLink(version.resolve("lib"), fifteen().resolve("lib"));
    return version.resolve("bin");
  }

  /** The folder of the unpacked Postgres 15. */
  private Path fifteen() throws Exception {
    var embedded =
        new PostgresBinaries(List.of(), sandbox.root().resolve("none"), Sandbox.UNPACKED);
    return embedded.installation(Sandbox.FIFTEEN).bin().resolve("..").normalize();
  }
}

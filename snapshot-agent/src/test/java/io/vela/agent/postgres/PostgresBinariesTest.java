package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.BinariesMissing;
import io.vela.agent.exec.Command;
import java.nio.file.Files;
import java.nio.file.Path;
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
    var installation = sandbox.binaries().installation(Sandbox.SYSTEM);

    assertThat(installation.bin()).isEqualTo(Path.of("/usr/lib/postgresql/15/bin"));
    assertThat(installation.libraries().resolve("plpgsql.so")).exists();
  }

  @Test
  void theConfiguredFolderComesFirst() throws Exception {
    var folder = sandbox.folder("configured");
    Files.createSymbolicLink(folder.resolve("15"), Path.of("/usr/lib/postgresql/15"));
    var binaries = new PostgresBinaries(List.of(folder), sandbox.root().resolve("unpacked"));

    assertThat(binaries.installation(15).bin()).isEqualTo(folder.resolve("15/bin"));
  }

  @Test
  void aConfiguredFolderWithAnotherVersionIsNotTaken() throws Exception {
    var folder = sandbox.folder("configured");
    Files.createSymbolicLink(folder.resolve("bin"), Path.of("/usr/lib/postgresql/15/bin"));
    var binaries = new PostgresBinaries(List.of(folder), Path.of("/tmp/vela-test-postgres"));

    assertThat(binaries.installation(18).bin()).isNotEqualTo(folder.resolve("bin"));
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
    assertThatThrownBy(() -> sandbox.binaries().installation(major))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .isEqualTo(new BinariesMissing(major, program, packageName));
  }

  @Test
  void aNewerClientServesAnOlderServerButNotTheOtherWayRound() throws Exception {
    assertThat(sandbox.binaries().client(14, "pg_basebackup"))
        .isEqualTo(Path.of("/usr/lib/postgresql/15/bin/pg_basebackup"));
    assertThatThrownBy(() -> sandbox.binaries().client(18, "pg_basebackup"))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .isEqualTo(new BinariesMissing(18, "pg_basebackup", "postgresql-client-18"));
  }
}

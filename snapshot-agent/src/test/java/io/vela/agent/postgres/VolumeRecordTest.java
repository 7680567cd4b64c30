package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.Contents;
import io.vela.agent.Role;
import io.vela.agent.exec.ServiceUser;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VolumeRecordTest {
  @TempDir Path volume;

  @Test
  void whatIsWrittenIsReadAgainAndNobodyElseMayReadIt() throws Exception {
    var record =
        new VolumeRecord(
            new Contents(
                18,
                "weird \"name\" =:#\n\\ü",
                List.of(
                    new Role(
                        "a",
                        Optional.of(new Secret("SCRAM-SHA-256$4096:x=$y=:z=")),
                        true,
                        false,
                        -1,
                        Optional.of(Instant.MAX)),
                    new Role("b", Optional.empty(), false, true, 3, Optional.of(Instant.EPOCH)),
                    new Role("c", Optional.empty(), false, true, 3, Optional.empty())),
                List.of(new Contents.Database("app", "a"))),
            new Preload(List.of("x", "$libdir/y"), List.of(), List.of("z"), List.of("gone")),
            true,
            123);

    record.write(volume, ServiceUser.resolve(line -> {}));

    assertThat(VolumeRecord.read(volume)).isEqualTo(record);
    assertThat(Files.getPosixFilePermissions(volume.resolve("vela.properties")))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
  }

  @Test
  void aDamagedRecordIsAnError() throws Exception {
    Files.writeString(volume.resolve("vela.properties"), "major=18\n");

    assertThatThrownBy(() -> VolumeRecord.read(volume))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("superuser is missing");
  }

  @Test
  void aListOfLibrariesIsSplitAsPostgresWritesIt() {
    assertThat(PreloadFilter.elements("a, \"b,c\" ,$libdir/d,,"))
        .containsExactly("a", "b,c", "$libdir/d");
    assertThat(PreloadFilter.elements("")).isEmpty();
  }
}

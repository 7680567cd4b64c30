package io.vela.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

final class BranchArgumentsTest {
  private static final Path PROGRAM = Path.of("/usr/bin/postgres");
  private static final BranchArguments.Files FILES =
      new BranchArguments.Files(
          Path.of("/bench/data"),
          Path.of("/bench/run"),
          Path.of("/bench/run/hba"),
          Path.of("/bench/run/ident"));

  @Test
  void nothingButTheFilesDiffers() {
    var arguments =
        new BranchArguments(
            List.of(
                "/vela/postgres",
                "-D",
                "/inside/data",
                "-c",
                "data_directory=/inside/data",
                "-c",
                "hba_file=/inside/run/pg_hba.conf",
                "-c",
                "ident_file=/inside/run/pg_ident.conf",
                "-c",
                "listen_addresses=",
                "-c",
                "unix_socket_directories=/inside/run",
                "-c",
                "shared_buffers=16384kB",
                "-c",
                "session_preload_libraries=\"a\",\"b=c\""));

    assertThat(arguments.with(PROGRAM, FILES))
        .containsExactly(
            "/usr/bin/postgres",
            "-D",
            "/bench/data",
            "-c",
            "data_directory=/bench/data",
            "-c",
            "hba_file=/bench/run/hba",
            "-c",
            "ident_file=/bench/run/ident",
            "-c",
            "listen_addresses=",
            "-c",
            "unix_socket_directories=/bench/run",
            "-c",
            "shared_buffers=16384kB",
            "-c",
            "session_preload_libraries=\"a\",\"b=c\"");
  }

  @Test
  void aFileThatTheBranchIsNotToldOfIsAnError() {
    var arguments = new BranchArguments(List.of("/vela/postgres", "-D", "/inside/data"));

    assertThatThrownBy(() -> arguments.with(PROGRAM, FILES))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("hba_file");
  }
}

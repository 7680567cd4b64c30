package io.vela.cli.log;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;

class LogSetupTest {
  private static final String FORGED =
      "x\ntime=2026-11-29T00:00:00.000Z level=ERROR logger=Up forged\u001b[2J";

  @TempDir Path folder;
  private LoggerContext context;
  private Logger log;

  @BeforeEach
  void configure() throws Exception {
    Files.createFile(
        folder.resolve("vela.log"),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")));
    Files.createFile(
        folder.resolve("vela.2026-01-01.0.log.gz"),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")));
    System.setProperty(LogSetup.FILE, folder.resolve("vela").toString());
    context = new LoggerContext();
    context.setMDCAdapter(new LogbackMDCAdapter());
    new LogSetup().configure(context);
    log = context.getLogger("io.vela.Test");
  }

  @AfterEach
  void stop() {
    System.clearProperty(LogSetup.FILE);
    context.stop();
  }

  private List<String> lines() throws Exception {
    return Files.readAllLines(folder.resolve("vela.log"));
  }

  private String line() throws Exception {
    assertThat(lines()).hasSize(1);
    return lines().getFirst().replaceFirst("time=\\S+ ", "");
  }

  @Test
  void valuesAreFieldsOfTheirOwnAndNoOthers() throws Exception {
    log.info("session began id={} role={} branch={} cause=\"{}\"", 7, "a b=c", "pr-1", "say \"x\"");

    assertThat(line())
        .isEqualTo(
            "level=INFO logger=Test session began id=7 role=\"a b=c\" branch=pr-1"
                + " cause=\"say \\\"x\\\"\"");
  }

  @Test
  void aValueBeginsNoLineAndTellsATerminalNothing() throws Exception {
    log.info("session refused role={} message=\"{}\" {}", FORGED, FORGED, "");

    assertThat(line())
        .isEqualTo(
            "level=INFO logger=Test session refused role=\"x\\n"
                + "time=2026-11-29T00:00:00.000Z level=ERROR logger=Up forged\\u001b[2J\""
                + " message=\"x\\n"
                + "time=2026-11-29T00:00:00.000Z level=ERROR logger=Up forged\\u001b[2J\" \"\"");
  }

  @Test
  void exceptionsTellWhatPostgresSaidOnALineThatLooksLikeNoOther() throws Exception {
    log.info("failed", new IllegalStateException(FORGED, new SQLException(FORGED)));

    assertThat(lines()).filteredOn(line -> line.startsWith("time=")).hasSize(1);
    assertThat(lines().subList(1, lines().size())).allMatch(line -> line.startsWith("\t"));
    assertThat(lines()).noneMatch(line -> line.contains("\u001b"));
    assertThat(lines())
        .anyMatch(line -> line.startsWith("\tCaused by: java.sql.SQLException: x\\n"));
  }

  @Test
  void whatLibrariesSayIsOneValue() throws Exception {
    context.getLogger("org.other.Library").info("said role=x\nlevel=ERROR \"quoted\"");

    assertThat(line())
        .isEqualTo(
            "level=INFO logger=Library" + " message=\"said role=x\\nlevel=ERROR \\\"quoted\\\"\"");
  }

  @Test
  void valuesAreBoundedAndSecretsLeftOut() throws Exception {
    log.info("a={} b=\"{}\"", "x".repeat(1_000_000), "postgresql://u:hidden@host/ failed");

    assertThat(line()).hasSizeLessThan(10_000).contains("postgresql://u:***@host/ failed");
  }

  @Test
  void logsAreTheOwnersOnly() throws Exception {
    for (var name : List.of("vela.log", "vela.2026-01-01.0.log.gz")) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve(name))))
          .as(name)
          .isEqualTo("rw-------");
    }
  }
}

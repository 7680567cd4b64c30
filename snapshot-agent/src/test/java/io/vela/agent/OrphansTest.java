package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.agent.postgres.RunningProcesses.Running;
import io.vela.agent.postgres.Sandbox;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What a killed Vela left at work is ended before the next one looks at the pool. */
class OrphansTest {
  private final ServiceFixture fixture;
  private final Sandbox sandbox;

  OrphansTest() throws Exception {
    fixture = new ServiceFixture();
    sandbox = fixture.sandbox;
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void aCopyThatWouldHaveBecomeACloneIsEndedAndRemoved() throws Exception {
    var half = Path.of(fixture.pool.clone(CloneId.random()) + ".partial");
    Files.createDirectories(half);
    var target = half.resolve("file");
    orphan("cp", "-T", "--", endless(), target.toString());

    var next = fixture.open();

    assertThat(worksOn(target)).isEmpty();
    assertThat(half).doesNotExist();
    assertThat(next.clones()).isEmpty();
  }

  @Test
  void aWrapperThatIsAScriptIsEndedWithWhatItStarted() throws Exception {
    var script = Files.writeString(sandbox.root().resolve("cp"), "#!/bin/sh\ncat \"$1\"\n:\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    var input = endless();
    var target = fixture.pool.clone(CloneId.random());
    orphan(script.toString(), input, target.toString());
    await().atMost(Sandbox.TIMEOUT).until(() -> !worksOn(Path.of(input), "cat").isEmpty());

    fixture.open();

    assertThat(worksOn(target)).isEmpty();
    assertThat(worksOn(Path.of(input))).isEmpty();
  }

  @Test
  void whatWasBeingMadeInStagingIsEndedAndRemoved() throws Exception {
    var staging = fixture.pool.createStaging("0123456789abcdef");
    var folder = Files.createDirectories(fixture.run.resolve("s-0123456789abcdef"));
    orphan("cp", "-T", "--", endless(), staging.resolve("half").toString());
    Files.move(sandbox.cluster(Sandbox.EIGHTEEN, "elsewhere"), staging.resolve("data"));
    var postmaster = sandbox.guarded(Sandbox.EIGHTEEN, staging.resolve("data"));

    fixture.open();

    assertThat(postmaster.isRunning()).isFalse();
    assertThat(staging).doesNotExist();
    assertThat(folder).doesNotExist();
  }

  /** A write to a file system that is frozen waits and cannot be interrupted. */
  @Test
  void oneThatCannotBeEndedIsLeftWithItsVolumeAndVelaStarts() throws Exception {
    Assumptions.assumeTrue(ServiceUser.runningAsRoot(), "mounts a file system");
    var volume = fixture.pool.createStaging("0123456789abcdef");
    var other = fixture.pool.createStaging("fedcba9876543210");
    var image = sandbox.root().resolve("image");
    shell("truncate -s 16M", image.toString(), "&& mkfs.ext4 -q -F", image.toString());
    shell("mount -o loop", image.toString(), volume.toString());
    try {
      shell("fsfreeze -f", volume.toString());
      orphan("cp", "-T", "--", "/etc/hostname", volume.resolve("file").toString());

      var next = fixture.open();

      assertThat(worksOn(volume.resolve("file"))).isNotEmpty();
      assertThat(volume).exists();
      assertThat(other).doesNotExist();
      assertThat(next.clones()).isEmpty();
    } finally {
      shell("fsfreeze -u", volume.toString());
      await().atMost(Sandbox.TIMEOUT).until(() -> worksOn(volume.resolve("file")).isEmpty());
      shell("umount", volume.toString());
    }
    fixture.open();
    assertThat(volume).doesNotExist();
  }

  private static void shell(String... command) throws Exception {
    assertThat(Command.of("sh", "-c", String.join(" ", command)).run().ok()).isTrue();
  }

  @Test
  void instancesOfClonesAndOtherPeoplesProcessesGoOn() throws Exception {
    var snapshot = fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of()));
    var id = fixture.started(snapshot);
    var file = fixture.data(id).resolve("PG_VERSION");
    orphan("tail", "-f", file.toString());
    var other = sandbox.guarded(Sandbox.EIGHTEEN, sandbox.cluster(Sandbox.EIGHTEEN, "catalog"));

    var next = fixture.open();

    assertThat(worksOn(file)).hasSize(1);
    assertThat(other.isRunning()).isTrue();
    assertThat(next.clones())
        .containsExactly(
            new CloneInfo(
                id, Optional.of(new Endpoint.UnixSocket(fixture.socket(id).toString())), false));
    assertThat(fixture.sql(id, "SELECT 1")).containsExactly("1");
  }

  /** A file that is never read to its end, because nobody writes it. */
  private String endless() throws Exception {
    var pipe = sandbox.root().resolve("endless");
    assertThat(Command.of("mkfifo", pipe.toString()).run().ok()).isTrue();
    return pipe.toString();
  }

  /** Starts a program whose parent is gone. */
  private void orphan(String... argv) throws Exception {
    var shell = new ArrayList<>(List.of("sh", "-c", "\"$@\" > /dev/null 2>&1 &", "sh"));
    shell.addAll(List.of(argv));
    assertThat(Command.of(shell).run().ok()).isTrue();
    await()
        .atMost(Sandbox.TIMEOUT)
        .until(
            () ->
                !worksOn(Path.of(argv[argv.length - 1]), Path.of(argv[0]).getFileName().toString())
                    .isEmpty());
  }

  private static List<Running> worksOn(Path path) throws Exception {
    return RunningProcesses.list().stream()
        .filter(process -> process.argv().contains(path.toString()))
        .toList();
  }

  private static List<Running> worksOn(Path path, String program) throws Exception {
    return worksOn(path).stream()
        .filter(process -> process.argv().stream().limit(2).anyMatch(w -> w.endsWith(program)))
        .filter(process -> !process.argv().contains("-c"))
        .toList();
  }
}

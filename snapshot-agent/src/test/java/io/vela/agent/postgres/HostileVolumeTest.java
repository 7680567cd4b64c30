package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneException;
import io.vela.agent.Contents;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.HostileEntries;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Each file that Vela reads or writes in a volume, when the branch's owner has replaced it. */
@Timeout(60)
class HostileVolumeTest {
  @TempDir Path top;
  private Path volume;
  private Path secret;
  private DataDirectory data;
  private ServiceUser user;

  @BeforeEach
  void make() throws Exception {
    user = ServiceUser.resolve(line -> {});
    volume = Files.createDirectory(top.resolve("volume"));
    data = DataDirectory.in(volume);
    Files.createDirectories(data.path().resolve("global"));
    Files.createDirectories(data.path().resolve("pg_replslot/slot"));
    secret = Files.writeString(top.resolve("secret"), "root's own\n");
  }

  @FunctionalInterface
  private interface Check {
    void run(String kind) throws Exception;
  }

  private void withEachIn(Path place, Check check) throws Exception {
    for (var hostile : HostileEntries.all(secret).entrySet()) {
      DataDirectory.delete(place);
      hostile.getValue().put(place);
      check.run(hostile.getKey());
    }
    DataDirectory.delete(place);
    assertThat(secret).hasContent("root's own\n");
  }

  @Test
  void postmasterPidIsNoneUnlessItIsAPlainFile() throws Exception {
    withEachIn(
        data.path().resolve("postmaster.pid"),
        kind -> {
          assertThat(PostmasterFile.read(data.path())).as(kind).isEmpty();
          assertThat(data.isInUse()).as(kind).isFalse();
        });
  }

  @Test
  void theVersionIsUnknownUnlessItIsInAPlainFile() throws Exception {
    withEachIn(
        data.path().resolve("PG_VERSION"),
        kind ->
            assertThatThrownBy(data::major)
                .as(kind)
                .isInstanceOf(CloneException.class)
                .hasMessageContaining("is not a data directory"));
  }

  @Test
  void theControlFileIsReadOnlyWhenItIsAPlainFile() throws Exception {
    withEachIn(
        data.path().resolve("global/pg_control"),
        kind ->
            assertThatThrownBy(data::isShutDown)
                .as(kind)
                .isInstanceOf(IOException.class)
                .hasMessageNotContaining("root's own"));
  }

  @Test
  void theRecordIsReadOnlyFromAPlainFileAndWrittenIntoNoOther() throws Exception {
    var record =
        new VolumeRecord(new Contents(18, "postgres", List.of(), List.of()), Preload.NONE, true, 1);
    withEachIn(
        volume.resolve("vela.properties"),
        kind ->
            assertThatThrownBy(() -> VolumeRecord.read(volume)).isInstanceOf(IOException.class));
    withEachIn(
        volume.resolve("vela.properties.new"),
        kind -> {
          record.write(volume, user);
          assertThat(VolumeRecord.read(volume)).as(kind).isEqualTo(record);
        });
  }

  @Test
  void theMarkOfUnsettledRolesIsMadeAndRemovedWithoutFollowingIt() throws Exception {
    withEachIn(
        volume.resolve("vela.roles-unsettled"),
        kind -> {
          assertThat(RoleReader.isSettled(volume)).as(kind).isFalse();
          RoleReader.unsettle(volume, user);
          RoleReader.settle(volume);
          assertThat(RoleReader.isSettled(volume)).as(kind).isTrue();
        });
  }

  @Test
  void leftoversAreRemovedAndNotWhatTheyName() throws Exception {
    for (var name : List.of("standby.signal", "recovery.signal", "postmaster.pid")) {
      withEachIn(
          data.path().resolve(name),
          kind -> {
            data.removeLeftovers();
            assertThat(
                    Files.exists(
                        data.path().resolve(name), java.nio.file.LinkOption.NOFOLLOW_LINKS))
                .as(kind)
                .isFalse();
          });
    }
    assertThat(data.path().resolve("pg_replslot")).isEmptyDirectory();
    var outside = Files.createDirectories(top.resolve("outside/kept"));
    DataDirectory.delete(data.path().resolve("pg_replslot"));
    Files.createSymbolicLink(data.path().resolve("pg_replslot"), outside.getParent());
    data.removeLeftovers();
    assertThat(outside).exists();
  }

  @Test
  void aDataDirectoryThatIsALinkIsNotWorkedIn() throws Exception {
    var elsewhere = Files.createDirectories(top.resolve("elsewhere"));
    Files.writeString(elsewhere.resolve("standby.signal"), "");
    Files.writeString(elsewhere.resolve("PG_VERSION"), "18\n");
    DataDirectory.delete(data.path());
    Files.createSymbolicLink(data.path(), elsewhere);

    assertThatThrownBy(data::major).isInstanceOf(CloneException.class);
    assertThatThrownBy(data::removeLeftovers).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> data.ensureConfiguration(List.of("a = 1"), user))
        .isInstanceOf(IOException.class);

    assertThat(elsewhere.resolve("standby.signal")).exists();
    assertThat(elsewhere.resolve("postgresql.conf")).doesNotExist();
  }

  @Test
  void theConfigurationIsNotWrittenThroughALink() throws Exception {
    Files.createSymbolicLink(data.path().resolve("postgresql.conf"), secret);

    assertThatThrownBy(() -> data.configure(List.of("wal_recycle = off")))
        .isInstanceOf(IOException.class);
    assertThatCode(() -> data.ensureConfiguration(List.of("a = 1"), user))
        .doesNotThrowAnyException();

    assertThat(secret).hasContent("root's own\n");
  }
}

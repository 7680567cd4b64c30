package io.vela.agent.source;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.security.auth.module.UnixSystem;
import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.HostileEntries;
import io.vela.agent.file.Owner;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ImportedTreeTest {
  private static final Owner OWN = new Owner(new UnixSystem().getUid(), new UnixSystem().getGid());

  @TempDir Path top;
  private Path data;
  private Path outside;

  @BeforeEach
  void make() throws Exception {
    data = Files.createDirectory(top.resolve("data"));
    outside = Files.createDirectory(top.resolve("outside"));
    Files.writeString(outside.resolve("secret"), "secret");
    Files.createDirectories(data.resolve("base/5"));
    Files.createDirectories(data.resolve("pg_tblspc"));
    Files.createDirectories(data.resolve("pg_wal/archive_status"));
    Files.writeString(data.resolve("PG_VERSION"), "18\n");
    Files.writeString(data.resolve("base/5/1259"), "page");
    Files.writeString(data.resolve("tablespace_map"), "");
  }

  private void refused(String named) {
    assertThatThrownBy(() -> ImportedTree.check(data, OWN))
        .isInstanceOf(CloneException.class)
        .hasMessageContaining("refused")
        .hasMessageContaining(named);
  }

  @Test
  void plainFilesAndFoldersAreGood() {
    assertThatCode(() -> ImportedTree.check(data, OWN)).doesNotThrowAnyException();
  }

  @Test
  void whatIsNeitherFileNorFolderIsRefusedWithItsPath() throws Exception {
    for (var hostile : HostileEntries.all(outside.resolve("secret")).entrySet()) {
      if (hostile.getKey().startsWith("a sparse") || hostile.getKey().equals("a folder")) {
        continue;
      }
      var planted = data.resolve("base/5/evil");
      hostile.getValue().put(planted);

      refused("base/5/evil is " + (hostile.getKey().startsWith("a link") ? "a symbolic link" : ""));

      Files.delete(planted);
    }
  }

  @Test
  void aLinkInPlaceOfAFolderIsRefused() throws Exception {
    HostileEntries.run("rm", "-r", data.resolve("pg_wal").toString());
    Files.createSymbolicLink(data.resolve("pg_wal"), outside);

    refused("pg_wal is a symbolic link");
  }

  @Test
  void aSecondNameOfAFileElsewhereIsRefused() throws Exception {
    Files.createLink(data.resolve("base/5/2600"), outside.resolve("secret"));

    refused("base/5/2600 has 2 names");
  }

  @Test
  void aSetIdBitIsRefused() throws Exception {
    HostileEntries.run("chmod", "4755", data.resolve("base/5/1259").toString());
    refused("base/5/1259 has a set-id bit");
  }

  @Test
  void whatBelongsToSomebodyElseIsRefused() throws Exception {
    org.junit.jupiter.api.Assumptions.assumeTrue(ServiceUser.runningAsRoot());
    HostileEntries.run("chown", "12345", data.resolve("base/5/1259").toString());

    refused("base/5/1259 belongs to somebody else");
  }

  @Test
  void tablespacesThatItsServerDeniedAreRefused() throws Exception {
    Files.writeString(data.resolve("tablespace_map"), "16384 /etc\n");
    refused("tablespace_map");
    Files.writeString(data.resolve("tablespace_map"), "");
    Files.createDirectories(data.resolve("pg_tblspc/16384"));
    refused("pg_tblspc/16384");
  }

  @Test
  void aNameIsToldInEscapedForm() throws Exception {
    Command.of("sh", "-c", "ln -s /etc \"$(printf 'a\\033[2J\\nb')\"").in(data).run();

    refused("a\\u001b[2J\\nb is a symbolic link");
  }

  @Test
  void foldersWithoutEndAreRefused() throws Exception {
    Command.of("sh", "-c", "for i in $(seq 200); do mkdir d; cd -P d; done").in(data).run();

    refused("nested too deeply");
  }
}

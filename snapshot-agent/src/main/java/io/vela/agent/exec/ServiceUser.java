package io.vela.agent.exec;

import com.sun.security.auth.module.UnixSystem;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.file.Owner;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Who owns files of Vela's and runs programs on them, Postgres among them, which refuses to run as
 * root. Vela's own user, unless that is root: then a system user made for it.
 */
public final class ServiceUser {
  /** The system user that owns volumes where Vela runs as root. */
  public static final String NAME = "vela";

  private static final String CATALOGUE_NAME = "vela-catalog";

  private final String name;
  private final long uid;
  private final long gid;
  private final boolean other;

  private ServiceUser(String name, long uid, long gid, boolean other) {
    this.name = name;
    this.uid = uid;
    this.gid = gid;
    this.other = other;
  }

  /** Whether this process is root's. */
  public static boolean runningAsRoot() {
    return new UnixSystem().getUid() == 0;
  }

  /**
   * Finds the user that owns volumes; as root, makes the system user when it is missing.
   *
   * @param say told a line for a person when a user is made
   * @throws CloneException when the user cannot be made
   */
  public static ServiceUser resolve(Consumer<String> say)
      throws CloneException, InterruptedException {
    return resolve(NAME, "which owns clones and prepares baselines", say);
  }

  /**
   * Finds the user that owns the catalogue and runs its Postgres, and owns nothing else; as root,
   * makes the system user when it is missing.
   *
   * @param say told a line for a person when a user is made
   * @throws CloneException when the user cannot be made
   */
  public static ServiceUser ofTheCatalogue(Consumer<String> say)
      throws CloneException, InterruptedException {
    return resolve(CATALOGUE_NAME, "which runs the catalogue's Postgres", say);
  }

  private static ServiceUser resolve(String name, String purpose, Consumer<String> say)
      throws CloneException, InterruptedException {
    if (!runningAsRoot()) {
      var own = new UnixSystem();
      return new ServiceUser(own.getUsername(), own.getUid(), own.getGid(), false);
    }
    var uid = id("-u", name);
    if (!uid.ok()) {
      say.accept("making the system user " + name + ", " + purpose);
      var made =
          Command.of(
                  "useradd",
                  "--system",
                  "--user-group",
                  "--no-create-home",
                  "--shell",
                  "/usr/sbin/nologin",
                  name)
              .run();
      // Another Vela may have made it at the same time: what counts is that it is there.
      uid = id("-u", name);
      if (!uid.ok()) {
        throw new CloneException(
            new StorageFailed(
                "the system user " + name + " could not be made: " + made.problem(),
                made.detail()));
      }
    }
    return new ServiceUser(name, number(uid), number(id("-g", name)), true);
  }

  private static Result id(String what, String name) throws InterruptedException {
    return Command.of("id", what, name).run();
  }

  private static long number(Result result) throws CloneException {
    if (!result.ok()) {
      throw new CloneException(new StorageFailed(result.problem(), result.detail()));
    }
    return Long.parseLong(result.stdout().strip());
  }

  /** The user's name. */
  public String name() {
    return name;
  }

  /** The user's number. */
  public long uid() {
    return uid;
  }

  /** The number of the user's group. */
  public long gid() {
    return gid;
  }

  /** Whether this is another user than Vela's own, so that commands are wrapped and files given. */
  public boolean isOther() {
    return other;
  }

  /**
   * The command as this user runs it. {@code setpriv} replaces itself with the program, so the
   * process is the program.
   */
  public List<String> wrap(List<String> argv) {
    if (!other) {
      return List.copyOf(argv);
    }
    // Numbers, not names: looking names up takes two milliseconds.
    var wrapped =
        new ArrayList<>(
            List.of(
                Programs.find("setpriv").map(Path::toString).orElse("setpriv"),
                "--reuid=" + uid,
                "--regid=" + gid,
                "--clear-groups",
                "--no-new-privs",
                "--inh-caps=-all",
                "--bounding-set=-all",
                "--"));
    wrapped.addAll(argv);
    return List.copyOf(wrapped);
  }

  /** The user and its group by number. */
  public Owner owner() {
    return new Owner(uid, gid);
  }

  /** Gives the user a folder with all in it; links themselves, not what they name. */
  public void own(Path folder) throws IOException {
    if (other) {
      new UntrustedFolder(folder).giveTo(owner());
    }
  }

  /** Gives the user one file or folder, without what is in it. */
  public void ownOne(Path path) throws IOException {
    if (other) {
      Files.setAttribute(path, "unix:gid", (int) gid, LinkOption.NOFOLLOW_LINKS);
      Files.setAttribute(path, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /** Whether a file or folder is the user's. */
  public boolean owns(Path path) throws IOException {
    return Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals((int) uid);
  }

  /** Takes a folder from the user, without what is in it, where that is not Vela's own user. */
  public void disown(Path folder) throws IOException {
    if (other
        && Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals((int) uid)) {
      Files.setAttribute(folder, "unix:gid", 0, LinkOption.NOFOLLOW_LINKS);
      Files.setAttribute(folder, "unix:uid", 0, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /**
   * Whether the user may enter every folder on the way to the path and the path itself; of a path
   * that does not exist, those that do. The kernel is asked, as that user, so that access lists
   * count too.
   */
  public boolean canReach(Path path) throws InterruptedException {
    var nearest = path.toAbsolutePath().normalize();
    while (!Files.exists(nearest) && nearest.getParent() != null) {
      nearest = nearest.getParent();
    }
    var folder = Files.isDirectory(nearest) ? nearest : nearest.getParent();
    return Command.of(wrap(List.of("test", "-x", String.valueOf(folder)))).run().ok();
  }

  @Override
  public String toString() {
    return name;
  }
}

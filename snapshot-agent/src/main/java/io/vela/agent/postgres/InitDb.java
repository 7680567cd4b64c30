package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.Result;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Makes new clusters: superuser {@code postgres}, UTF-8, checksums. */
public final class InitDb {
  private static final Duration TIMEOUT = Duration.ofMinutes(3);

  private InitDb() {}

  /**
   * Makes a cluster, which is not written to disk yet; what is in the folder is removed before.
   *
   * @param data its data directory, in a folder that exists
   */
  public static void run(Installation installation, ServiceUser user, Path data)
      throws CloneException, IOException, InterruptedException {
    // Names compare by code point and case folds as Unicode has it, on every host the same: built
    // in from 17 on, before that by the C library, where it has that locale (Postgres
    // documentation, section 23.1.4).
    var result =
        installation.major() >= 17
            ? attempt(
                installation,
                user,
                data,
                List.of("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"))
            : attempt(installation, user, data, List.of("--locale=C.UTF-8"));
    if (!result.ok() && result.detail().contains("invalid locale name")) {
      result = attempt(installation, user, data, List.of("--locale=C"));
    }
    if (!result.ok()) {
      throw new CloneException(
          new StorageFailed("initdb failed: " + result.problem(), result.detail()));
    }
  }

  private static Result attempt(
      Installation installation, ServiceUser user, Path data, List<String> locale)
      throws CloneException, IOException, InterruptedException {
    DataDirectory.delete(data);
    DataDirectory.create(data, user);
    var argv =
        new ArrayList<>(
            List.of(
                installation.program("initdb").toString(),
                "--pgdata=" + data,
                "--username=postgres",
                "--encoding=UTF8",
                "--data-checksums",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--no-instructions",
                "--no-sync"));
    argv.addAll(locale);
    return Command.of(user.wrap(argv)).within(TIMEOUT).run();
  }
}

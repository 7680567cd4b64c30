package io.vela.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The arguments that the postmaster of a branch was started with, read from the process itself, so
 * that a server beside the branch gets the same whatever the agent has come to give.
 *
 * @param words the command line: the program, and what it was given
 */
record BranchArguments(List<String> words) {
  BranchArguments {
    words = List.copyOf(words);
  }

  /**
   * The files of a server, which are all that its arguments may differ in from a branch's.
   *
   * @param data its data directory
   * @param run the folder of its socket
   * @param accessRules {@code hba_file}
   * @param userMaps {@code ident_file}
   */
  record Files(Path data, Path run, Path accessRules, Path userMaps) {
    private Map<String, Path> settings() {
      return Map.of(
          "data_directory", data,
          "hba_file", accessRules,
          "ident_file", userMaps,
          "unix_socket_directories", run);
    }
  }

  /** The arguments of a running branch. */
  static BranchArguments of(VelaUnderTest vela, String branch) throws Exception {
    return new BranchArguments(vela.postmaster(branch).argv());
  }

  /** The arguments of a branch that is created for it and deleted. */
  static BranchArguments ofNew(VelaUnderTest vela, String branch) throws Exception {
    vela.client(branch).fetch();
    var arguments = of(vela, branch);
    vela.delete(branch);
    return arguments;
  }

  /**
   * The command line of a server that differs in nothing but its files.
   *
   * @param program {@code postgres}
   * @throws IllegalStateException when the branch's has not all of them: then the server would not
   *     be where it is thought to be
   */
  List<String> with(Path program, Files files) {
    var missing = new LinkedHashMap<>(files.settings());
    var line = new ArrayList<>(List.of(program.toString()));
    for (int i = 1; i < words.size(); i++) {
      var word = words.get(i);
      if (words.get(i - 1).equals("-D")) {
        line.add(files.data().toString());
      } else {
        var name = word.substring(0, Math.max(0, word.indexOf('=')));
        var own = missing.remove(name);
        line.add(own == null ? word : name + "=" + own);
      }
    }
    if (!missing.isEmpty()) {
      throw new IllegalStateException(
          "the arguments of a branch lack " + missing.keySet() + ": " + words);
    }
    return line;
  }
}

package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * A seccomp filter (seccomp(2), "SECCOMP_SET_MODE_FILTER") for the processes of a branch: what no
 * Postgres and no program beside it needs, and what has been the way out of many a container.
 * Refused calls answer EPERM; {@code mount} and {@code move_mount} are not among them, because they
 * still make the branch's own tree, and ask for a capability that nobody has afterwards; {@code
 * clone3} answers ENOSYS, because a filter cannot read its arguments and the C library then uses
 * {@code clone}.
 */
final class SystemCallFilter {
  private static final boolean ARM = "aarch64".equals(System.getProperty("os.arch"));

  /** {@code AUDIT_ARCH_X86_64}, {@code AUDIT_ARCH_AARCH64}. */
  private static final int ARCHITECTURE = ARM ? 0xC000_00B7 : 0xC000_003E;

  private static final int CLONE = ARM ? 220 : 56;
  private static final int UNSHARE = ARM ? 97 : 272;
  private static final int CLONE3 = 435;

  /** Calls of x86-64 that have this bit belong to the x32 interface. */
  private static final int X32 = 0x4000_0000;

  /** All {@code CLONE_NEW…} flags of {@code clone} and {@code unshare}. */
  private static final int NEW_NAMESPACES = 0x7E02_0000;

  private static final List<Integer> REFUSED =
      ARM
          ? List.of(
              // ptrace, process_vm_readv, process_vm_writev, add_key, request_key, keyctl, bpf,
              // perf_event_open, userfaultfd, open_by_handle_at, setns, umount2, pivot_root,
              // kexec_load, init_module, finit_module, delete_module, acct, reboot, swapon,
              // swapoff, io_uring_setup, open_tree, fsopen, fsmount, pidfd_getfd
              117,
              270,
              271,
              217,
              218,
              219,
              280,
              241,
              282,
              265,
              268,
              39,
              41,
              104,
              105,
              273,
              106,
              89,
              142,
              224,
              225,
              425,
              428,
              430,
              432,
              438)
          : List.of(
              101, 310, 311, 248, 249, 250, 321, 298, 323, 304, 308, 166, 155, 246, 175, 313, 176,
              163, 169, 167, 168, 425, 428, 430, 432, 438);

  /**
   * Those of them that a tree is put together by: umount2, pivot_root, open_tree, fsopen, fsmount.
   */
  private static final List<Integer> TREE =
      ARM ? List.of(39, 41, 428, 430, 432) : List.of(166, 155, 428, 430, 432);

  private static final int LOAD_WORD = 0x20;
  private static final int JUMP_IF_EQUAL = 0x15;
  private static final int JUMP_IF_ANY_BIT = 0x45;
  private static final int RETURN = 0x06;
  private static final int ALLOW = 0x7FFF_0000;
  private static final int KILL_PROCESS = 0x8000_0000;
  private static final int REFUSE = 0x0005_0000 | 1; // SECCOMP_RET_ERRNO | EPERM
  private static final int UNKNOWN = 0x0005_0000 | 38; // SECCOMP_RET_ERRNO | ENOSYS

  private static final int NUMBER_AT = 0;
  private static final int ARCHITECTURE_AT = 4;
  private static final int FIRST_ARGUMENT_AT = 16;
  private static final int SECOND_ARGUMENT_AT = 24;
  private static final int AND = 0x54;

  private static final int FCNTL = ARM ? 25 : 72;
  private static final int SET_LEASE = 1024; // F_SETLEASE
  private static final int INTERNET = 2; // AF_INET
  private static final int INTERNET_6 = 10; // AF_INET6
  private static final int NETLINK = 16; // AF_NETLINK
  private static final int SOCKET = ARM ? 198 : 41;
  private static final int SOCKET_PAIR = ARM ? 199 : 53;
  private static final int CONNECT = ARM ? 203 : 42;
  private static final int UNIX_SOCKETS = 1; // AF_UNIX
  private static final int SOCKET_TYPE = 0xF;
  private static final int STREAM = 1; // SOCK_STREAM

  private static final long NO_NEW_PRIVILEGES = 38; // PR_SET_NO_NEW_PRIVS
  private static final long SET_MODE_FILTER = 1;
  private static final int INSTRUCTION_BYTES = 8;

  private final SystemCalls calls;
  private final MemorySegment program;

  /** Who is going to be held by a filter. */
  enum Scope {
    /**
     * Processes of a branch that share processes and network with the host. They may accept
     * connections of Unix sockets and make none, since a connection to a path is nothing that
     * Landlock decides about.
     */
    SHARED_HOST,
    /** Processes of a branch, whose namespaces and tree are made already but for some mounts. */
    BRANCH,
    /**
     * A program that makes namespaces and a tree first. For its calls a capability is needed that
     * the processes of the branch do not have afterwards.
     */
    MAKER
  }

  /** Puts the filter together; nothing is in force yet. */
  SystemCallFilter(SystemCalls calls, Scope scope) {
    this.calls = calls;
    var words = new Words(calls.allocate(INSTRUCTION_BYTES * 160L));
    words.add(LOAD_WORD, 0, 0, ARCHITECTURE_AT);
    words.add(JUMP_IF_EQUAL, 1, 0, ARCHITECTURE);
    words.add(RETURN, 0, 0, KILL_PROCESS);
    words.add(LOAD_WORD, 0, 0, NUMBER_AT);
    if (!ARM) {
      words.add(JUMP_IF_ANY_BIT, 0, 1, X32);
      words.add(RETURN, 0, 0, UNKNOWN);
    }
    words.add(JUMP_IF_EQUAL, 0, 1, CLONE3);
    words.add(RETURN, 0, 0, UNKNOWN);
    for (int number : REFUSED) {
      if (scope == Scope.MAKER && TREE.contains(number)) {
        continue;
      }
      words.add(JUMP_IF_EQUAL, 0, 1, number);
      words.add(RETURN, 0, 0, REFUSE);
    }
    refuseLeases(words);
    if (scope == Scope.SHARED_HOST) {
      refuseConnections(words);
    } else {
      refuseOtherSockets(words);
    }
    if (scope != Scope.MAKER) {
      words.add(JUMP_IF_EQUAL, 2, 0, CLONE);
      words.add(JUMP_IF_EQUAL, 1, 0, UNSHARE);
      words.add(RETURN, 0, 0, ALLOW);
      words.add(LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT);
      words.add(JUMP_IF_ANY_BIT, 0, 1, NEW_NAMESPACES);
      words.add(RETURN, 0, 0, REFUSE);
    }
    words.add(RETURN, 0, 0, ALLOW);
    // struct sock_fprog: a count, then a pointer.
    program = calls.allocate(16);
    program.set(ValueLayout.JAVA_SHORT, 0, (short) words.count);
    program.set(ValueLayout.JAVA_LONG, 8, words.memory.address());
  }

  /**
   * With a lease (fcntl(2), {@code F_SETLEASE}) on a file of its own a branch would keep waiting
   * whoever opens that file, Vela among them.
   */
  private static void refuseLeases(Words words) {
    words.add(JUMP_IF_EQUAL, 0, 4, FCNTL);
    words.add(LOAD_WORD, 0, 0, SECOND_ARGUMENT_AT);
    words.add(JUMP_IF_EQUAL, 0, 1, SET_LEASE);
    words.add(RETURN, 0, 0, REFUSE);
    words.add(RETURN, 0, 0, ALLOW);
  }

  /** Not all kinds of sockets belong to a network namespace: those of virtual machines do not. */
  private static void refuseOtherSockets(Words words) {
    words.add(JUMP_IF_EQUAL, 0, 7, SOCKET);
    words.add(LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT);
    words.add(JUMP_IF_EQUAL, 4, 0, UNIX_SOCKETS);
    words.add(JUMP_IF_EQUAL, 3, 0, INTERNET);
    words.add(JUMP_IF_EQUAL, 2, 0, INTERNET_6);
    words.add(JUMP_IF_EQUAL, 1, 0, NETLINK);
    words.add(RETURN, 0, 0, REFUSE);
    words.add(RETURN, 0, 0, ALLOW);
  }

  private static void refuseConnections(Words words) {
    words.add(JUMP_IF_EQUAL, 0, 1, CONNECT);
    words.add(RETURN, 0, 0, REFUSE);
    words.add(JUMP_IF_EQUAL, 1, 0, SOCKET);
    words.add(JUMP_IF_EQUAL, 0, 8, SOCKET_PAIR);
    words.add(LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT);
    words.add(JUMP_IF_EQUAL, 1, 0, UNIX_SOCKETS);
    words.add(RETURN, 0, 0, REFUSE);
    words.add(LOAD_WORD, 0, 0, SECOND_ARGUMENT_AT);
    words.add(AND, 0, 0, SOCKET_TYPE);
    // Datagrams can be sent to a path without a connection.
    words.add(JUMP_IF_EQUAL, 1, 0, STREAM);
    words.add(RETURN, 0, 0, REFUSE);
    words.add(RETURN, 0, 0, ALLOW);
  }

  /** Holds for the calling thread and all that it starts from here on, without a way back. */
  void enforce() throws SystemCallException {
    calls.call(Call.PRCTL, NO_NEW_PRIVILEGES, 1);
    calls.call(Call.SECCOMP, SET_MODE_FILTER, 0, program.address());
  }

  private static final class Words {
    private final MemorySegment memory;
    private int count;

    Words(MemorySegment memory) {
      this.memory = memory;
    }

    /** {@code struct sock_filter}: code, jump if true, jump if false, constant. */
    void add(int code, int jumpTrue, int jumpFalse, int constant) {
      long at = (long) count * INSTRUCTION_BYTES;
      memory.set(ValueLayout.JAVA_SHORT, at, (short) code);
      memory.set(ValueLayout.JAVA_BYTE, at + 2, (byte) jumpTrue);
      memory.set(ValueLayout.JAVA_BYTE, at + 3, (byte) jumpFalse);
      memory.set(ValueLayout.JAVA_INT, at + 4, constant);
      count++;
    }
  }
}

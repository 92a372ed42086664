/* Copyright (c) 2026, the Reeve authors
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The hand-over between reeved and a container's PID 1 for one process, from a
 * client's command to its last end, while daemons die between any two steps.
 * docs/hand-over.md says what is promised and how to read a counterexample;
 * scripts/check-model runs it.
 *
 * States and messages have the names of the code: `process_phase`,
 * `process_entry::phase`, `message` of holder_protocol.hpp. A step is one
 * `atomic` that stands for one turn of one actor, or of PID 1; beside it stands
 * the function that it is. Nothing that can be seen outside of the daemon is
 * done twice within one step, so a crash between steps is a crash anywhere.
 *
 *   -DTEMPORARY  the process is run once and not of the spec
 *   -DLIVENESS   for the claim at the end; else deadlocks are looked for
 *
 * Each other switch is a design that does not hold: a mutation, of which spin
 * must find an error. */

#ifndef CRASHES
#define CRASHES 2 /* of a daemon, between any two steps */
#endif
#ifndef UPGRADES
#define UPGRADES 1 /* ends on purpose */
#endif
#define FAILURES 1 /* of a start */
#ifndef LOSSES
#define LOSSES 1 /* of the client's connection alone */
#endif
#ifndef MOST_RESTARTS
#define MOST_RESTARTS 1 /* restart.max_restarts */
#endif
#define ENDS (MOST_RESTARTS + 2) /* of the process by itself */

#define MOST_RUNS 12
#define MOST_WAITING 6
#define bit_of(run) (1 << (run))

/* One name may be a phase of both sides, or a phase and a message. */
mtype = {
  /* process_phase; `waiting`, `held` and `removed` are not modelled */
  created, starting, running, stopping, backing_off, exited, gave_up,
  /* process_entry::phase, and what process_table keeps of one that has gone */
  ended, forgotten,
  /* message: orders, reports (exited is above) */
  spawn, signal, acknowledge, spawned, spawn_failed, process_state, hello_done,
  refused,
  /* what a client asks, and hears (`refused`, too) */
  run_process, start_process, stop_process, wait_process,
  process_started, process_is, already_exists,
  /* from user_process to its container */
  process_changed
};

/* -- PID 1: holder/pid_one.cpp, outlives the daemon ------------------------ */

typedef process_entry {
  mtype state;   /* 0: never heard of */
  bool failed;   /* failed_code */
  byte command;  /* run_notes, which come with the order */
  byte restarts
};

process_entry table[MOST_RUNS]; /* by the run, low half of holder_number */
byte table_serial;              /* high half; of one process at a time */
byte newest;                    /* run that was accepted */
bool signalled;                 /* SIGKILL or the stop signal is on its way */
byte ends_left = ENDS;
byte failures_left = FAILURES;

/* The connection. The mailbox of namespace_holder counts as a part of `orders`:
 * what is in it is lost with a daemon, what is in the socket is not. */
chan orders = [MOST_WAITING] of {mtype, byte, byte, byte, byte};
chan reports = [MOST_WAITING] of {mtype, byte};
bool control = true;    /* PID 1 holds its end */
bool daemon_end = true; /* the daemon holds the other */
bool knocks;            /* a daemon waits at the listener */

/* What hello, the process_state reports and hello_done say, as one. */
typedef holder_inventory {
  byte newest_run; /* the newest; 0: none */
  byte serial;
  mtype state;
  bool failed;
  byte command;
  byte restarts;
  short older /* ended runs beside it */
};
holder_inventory inventory;

/* -- the record: record.jsonl, outlives the daemon ------------------------- */

typedef container_record {
  byte next_serial = 1; /* promised */
  byte serial;      /* of the declared process; 0: none is */
  mtype last;      /* exited, gave_up; 0: it is not over */
  byte command;     /* that ran it */
  byte ended_run    /* that this end is of */
};
container_record on_disk;

/* -- the daemon: gone with it ---------------------------------------------- */

bool up = true;
bool adopting;

/* process_actor_state */
byte serial;
mtype phase; /* 0: there is no such actor */
byte run_;
byte restarts; /* restart_tracker, within a window without end */
mtype starter; /* owed answers: who waits for a start, */
bool is_wish;
bool stopper;  /* for a stop */
short ended_;  /* runs whose ends are not told on yet */

/* container_actor_state */
chan to_container = [MOST_WAITING] of {mtype, mtype, byte, short};
container_record record;
bool save_due;
short to_acknowledge;
short ends_kept;
bool remembers; /* commands_ has our client's command */
bool owes_run;  /* its answer, recorded first */
mtype owed;     /* to the client, when the record is saved */

/* -- the client: console/courier.hpp --------------------------------------- */

mtype request; /* on its way */
bool taken;    /* by the daemon, not answered yet */
bool deaf;     /* whom it was taken from has lost his connection */
mtype answer;
byte losses_left = LOSSES;
bool client_done;

/* -- history, for the properties alone ------------------------------------- */

byte executed_serial;   /* the one whose program ran */
bool by_hand = true;    /* the next run may begin to count anew */
short answered_runs;    /* ends that this daemon's policy has answered */
short recorded;         /* ends that the record had, or has */
bool dropped;           /* the client was told that nothing was started */
bool is_down;           /* the client was told that it has stopped */

#define is_over(p) (p == exited || p == gave_up)
/* A container is never so far behind its process that a turn of it has no room.
 */
#define keeps_up (len(to_container) <= MOST_WAITING - 3)
#ifdef ACKNOWLEDGE_ON_DECISION
#define may_tell_ends true
#else
#define may_tell_ends \
  (phase != backing_off && phase != starting)
#endif
#ifdef TEMPORARY
#define may_come_back false
#else
#define may_come_back true
#endif

/* PID 1 ==================================================================== */

/* pid_one::report; send_packet(3) to who has gone is how PID 1 may notice. Then
 * what it has not read yet is lost. */
inline report(what, number) {
  if
  :: !control -> skip /* the table has it all; the next daemon is told */
  :: control && daemon_end ->
     assert(nfull(reports));
     reports!what(number)
  :: control && !daemon_end -> owner_is_gone()
  fi
}

inline owner_is_gone() {
  control = false;
  do
  :: orders?_, _, _, _, _
  :: empty(orders) -> break
  od
}

#ifdef SILENT_ABOUT_ENDS
#define is_told(state) (state == starting || state == running)
#else
#define is_told(state) (state != 0 && state != forgotten)
#endif

/* pid_one::greet: the newest run, and which older ones have ended. */
inline greet() {
  inventory.newest_run = 0;
  inventory.older = 0;
  i = 1;
  do
  :: i == MOST_RUNS -> break
  :: else ->
     if
     :: is_told(table[i].state) ->
        if
        :: inventory.newest_run != 0 ->
           inventory.older = inventory.older | bit_of(inventory.newest_run)
        :: else
        fi;
        inventory.newest_run = i;
        inventory.serial = table_serial;
        inventory.state = table[i].state;
        inventory.failed = table[i].failed;
        inventory.command = table[i].command;
        inventory.restarts = table[i].restarts
     :: else
     fi;
     i++
  od;
  i = 0;
  report(hello_done, 0)
}

/* pid_one::spawn */
inline carry_out_spawn() {
  if
  :: order_serial == table_serial && table[order_run].state != 0 &&
     table[order_run].state != forgotten ->
     /* carried out once: a repeat is answered with what is so */
     if
     :: table[order_run].failed -> report(spawn_failed, order_run)
     :: else -> report(process_state, order_run)
     fi
  :: order_serial == table_serial && table[order_run].state == forgotten ->
     report(refused, order_run) /* ESTALE */
  :: else ->
     i = 1;
     do
     :: i == MOST_RUNS -> break
     :: else ->
        /* no process twice: whatever ran before has ended */
        assert(table[i].state != starting && table[i].state != running);
        if
        :: order_serial != table_serial ->
           assert(table[i].state != ended);
           table[i].state = 0
        :: else
        fi;
        i++
     od;
     i = 0;
     if
     :: order_serial != table_serial ->
        newest = 0;
        recorded = 0;
        dropped = false;
        by_hand = true
     :: else
     fi;
     /* No end lost, none counted twice: what a run is told of restarts is one
      * more than the run before was told. */
     assert(order_run > newest);
     assert((by_hand && order_restarts == 0) ||
            order_restarts == table[newest].restarts + 1);
     /* whom the client knows to be down, nobody starts */
     assert(!is_down);
     by_hand = false;
     table_serial = order_serial;
     newest = order_run;
     signalled = false;
     table[order_run].state = starting;
     table[order_run].failed = false;
     table[order_run].command = order_command;
     table[order_run].restarts = order_restarts
  fi
}

/* process_table::forget_if_done; the streams are taken for released. */
inline carry_out_acknowledge() {
  if
  :: order_serial == table_serial && table[order_run].state == ended ->
     /* Nothing is forgotten that nobody else knows: a successor's notes count
      * it, or the record has it, or there is nothing to be known. */
     assert(newest > order_run || (recorded & bit_of(order_run)) != 0 ||
            dropped);
     table[order_run].state = forgotten;
     table[order_run].failed = false;
     table[order_run].command = 0
  :: else /* unknown, or forgotten */
  fi
}

active proctype pid_one() {
  mtype order;
  byte order_serial, order_run, order_command, order_restarts, i;

end:
  do
  /* pid_one::read_orders: those of a daemon that has died, too */
  :: atomic {
       control && nempty(orders) ->
       orders?order, order_serial, order_run, order_command, order_restarts;
       if
       :: order == spawn -> carry_out_spawn()
       :: order == acknowledge -> carry_out_acknowledge()
       :: order == signal ->
          signalled = signalled ||
                      (order_serial == table_serial && order_run == newest)
       fi;
       order = 0;
       order_serial = 0;
       order_run = 0;
       order_command = 0;
       order_restarts = 0
     }
  :: atomic { control && !daemon_end && empty(orders) -> owner_is_gone() }
  /* pid_one::admit, after read_orders: who comes is greeted when all that the
   * one before him has sent was carried out. */
#ifdef GREET_BEFORE_ORDERS
  :: atomic {
       knocks ->
#else
  :: atomic {
       knocks && !control ->
#endif
       knocks = false;
       control = true;
       daemon_end = true;
       greet()
     }
  /* pid_one::check_exec: the program runs ... */
  :: atomic {
       table[newest].state == starting ->
       /* no process twice for one command */
       assert(executed_serial == 0 || executed_serial == table_serial);
       executed_serial = table_serial;
       table[newest].state = running;
       report(spawned, newest)
     }
  /* ... or fail_start, end_late_starts */
  :: atomic {
       table[newest].state == starting && failures_left > 0 ->
       failures_left--;
       table[newest].state = ended;
       table[newest].failed = true;
       report(spawn_failed, newest)
     }
  /* pid_one::on_end: the kernel says so, by itself or after a signal */
  :: atomic {
       table[newest].state == running && (signalled || ends_left > 0) ->
       if
       :: signalled
       :: !signalled -> ends_left--
       fi;
       signalled = false;
       table[newest].state = ended;
       report(exited, newest);
#ifdef FORGET_WHEN_TOLD
       if
       :: control -> table[newest].state = forgotten
       :: else
       fi
#endif
     }
  od
}

/* namespace_holder, user_process =========================================== */

inline tell_holder(what, of_serial, number) {
  assert(nfull(orders));
  orders!what(of_serial, number, 0, 0)
}

/* process_actor_state::changed */
inline changed() {
  assert(nfull(to_container));
  if
  :: may_tell_ends ->
     to_container!process_changed(phase, run_, ended_);
     ended_ = 0
  :: else -> to_container!process_changed(phase, run_, 0)
  fi
}

/* stepper::begin_run and carry_out(process_effect::spawn) */
inline begin_run() {
  phase = starting;
  run_++;
  assert(run_ < MOST_RUNS && nfull(orders));
#ifdef FORGET_RESTARTS
  orders!spawn(serial, run_, 1, 0)
#elif defined(FORGET_COMMAND)
  orders!spawn(serial, run_, 0, restarts)
#else
  orders!spawn(serial, run_, 1, restarts)
#endif
}

/* process_actor_state::answer_by_phase, answer_starters, fail_starters. Whoever
 * ran it hears by the container, which has a record to write first. */
inline answer_starters(what) {
  if
  :: starter == run_process -> to_container!what(0, 0, 0)
  :: starter == start_process ->
     answer = what;
     taken = false
  :: else
  fi;
  starter = 0;
  is_wish = false
}

/* A stop is answered when the next daemon would know of it. */
inline answer_stoppers() {
  if
  :: stopper ->
     stopper = false;
#ifdef ANSWER_BEFORE_RECORD
     answer = process_is;
     is_down = true;
     taken = false
#else
     to_container!process_is(0, 0, 0)
#endif
  :: else
  fi
}

/* stepper::settle, with what apply() makes of it */
inline settle(how) {
  phase = how;
  changed();
  answer_starters(refused);
  answer_stoppers()
}

/* stepper::end, end_unasked. `answered_runs`: by one daemon none is counted
 * twice, whatever PID 1 repeats. */
inline end_run() {
  if
  :: phase == stopping ->
     note_answered();
     settle(exited)
  :: phase == starting || phase == running ->
     note_answered();
     if
     :: !may_come_back -> settle(exited)
     :: may_come_back && restarts >= MOST_RESTARTS -> settle(gave_up)
     :: may_come_back && restarts < MOST_RESTARTS ->
        restarts++;
        if
        :: begin_run() /* at once, */
        :: phase = backing_off /* or after a pause */
        fi;
        changed()
     fi
  :: else /* a repeated report */
  fi
}

inline note_answered() {
  /* none was counted twice */
  assert(restarts == table[run_].restarts);
  assert((answered_runs & bit_of(run_)) == 0);
  answered_runs = answered_runs | bit_of(run_)
}

/* process_actor_state::end, remember_end, tell_ends */
inline on_end() {
  ended_ = ended_ | bit_of(number);
  if
  :: number == run_ -> end_run()
  :: else
  fi;
  if
  :: ended_ != 0 && may_tell_ends -> changed()
  :: else
  fi
}

/* process_actor_state::on_start_failed: somebody's wish is not tried again. */
inline on_start_failed() {
  if
  :: number == run_ && phase == starting && is_wish -> phase = stopping
  :: else
  fi;
  on_end()
}

active proctype user_process() {
  byte number;

end:
  do
  /* namespace_holder::on_spawned, finish_spawn; process_actor_state::on_spawned
   * and stepper::on(started); process_state is the answer to a repeat */
  :: atomic {
       up && keeps_up && (reports?[spawned] || reports?[process_state]) ->
       if
       :: reports?spawned(number)
       :: reports?process_state(number)
       fi;
       if
       :: number == run_ && phase == starting ->
          phase = running;
          changed();
          answer_starters(process_started)
       :: number == run_ && phase == stopping ->
          tell_holder(signal, serial, number);
          answer_starters(process_started)
       :: number == run_ && phase == running
       :: else -> tell_holder(signal, serial, number) /* kill_stray */
       fi;
       number = 0
     }
  :: atomic {
       up && keeps_up && reports?[exited] ->
       reports?exited(number);
#ifdef ACKNOWLEDGE_FIRST
       tell_holder(acknowledge, serial, number);
#endif
       on_end();
       number = 0
     }
  /* namespace_holder::on_spawn_failed. It is an end as any other. */
  :: atomic {
       up && keeps_up && reports?[spawn_failed] ->
       reports?spawn_failed(number);
#ifdef ACKNOWLEDGE_FAILURE_FIRST
       tell_holder(acknowledge, serial, number);
#endif
       on_start_failed();
       number = 0
     }
  :: atomic {
       up && keeps_up && reports?[refused] ->
       reports?refused(number);
       on_start_failed();
       number = 0
     }
#ifndef FORGET_TIMER
  /* on(process_timer), of a back-off */
  :: atomic {
       up && !adopting && keeps_up && phase == backing_off ->
       begin_run();
       changed()
     }
#endif
  od
}

/* container ================================================================ */

inline acknowledge_all(mask) {
  i = 1;
  do
  :: i == MOST_RUNS -> break
  :: else ->
     if
     :: (mask & bit_of(i)) != 0 -> tell_holder(acknowledge, serial, i)
     :: else
     fi;
     i++
  od;
  i = 0
}

inline copy_record(to, from) {
  to.next_serial = from.next_serial;
  to.serial = from.serial;
  to.last = from.last;
  to.command = from.command;
  to.ended_run = from.ended_run
}

/* container_actor_state::try_save: one line, as a whole or not at all; then the
 * ends that it holds are acknowledged, and who waits for it is answered. */
inline save() {
  copy_record(on_disk, record);
  save_due = false;
  if
  :: record.last != 0 -> recorded = recorded | bit_of(record.ended_run)
  :: else
  fi;
  acknowledge_all(to_acknowledge);
  to_acknowledge = 0;
  if
  :: owed != 0 ->
     answer = owed;
     is_down = true;
     owed = 0;
     taken = false
  :: else
  fi
}

#ifdef RECORD_WITHOUT_RUN
#define is_recorded(its_phase, its_run) (record.last == its_phase)
#else
#define is_recorded(its_phase, its_run) \
  (record.last == its_phase && record.ended_run == its_run)
#endif

/* container_actor_state::note_end */
inline note_end(its_phase, its_run) {
  if
  :: record.serial == 0
  :: record.serial != 0 && is_over(its_phase) ->
     if
     :: is_recorded(its_phase, its_run)
     :: else ->
        /* nothing is final that no policy has answered */
        assert((answered_runs & bit_of(its_run)) != 0);
        record.last = its_phase;
        record.ended_run = its_run;
        save_due = true
     fi
  :: record.serial != 0 && !is_over(its_phase) && record.last != 0 ->
     record.last = 0;
     record.ended_run = 0;
     save_due = true
  :: else
  fi
}

/* container_actor_state::keep_ends */
inline keep_ends(mask) {
  if
  :: record.serial != 0 && save_due ->
#ifdef ACKNOWLEDGE_BEFORE_RECORD
     acknowledge_all(mask)
#else
     to_acknowledge = to_acknowledge | mask
#endif
  :: record.serial != 0 && !save_due -> acknowledge_all(mask)
  :: record.serial == 0 ->
     ends_kept = ends_kept | mask;
     if
     :: is_over(its) /* as long as anybody can ask for it */
     :: else ->
        acknowledge_all(ends_kept);
        ends_kept = 0
     fi
  fi
}

/* The continuation of `run`: what is to come back is recorded before anybody
 * hears of it. */
inline declare() {
  if
  :: may_come_back && record.serial != serial ->
     record.serial = serial;
#ifndef RECORD_WITHOUT_COMMAND
     record.command = remembers;
#endif
     record.last = 0;
     record.ended_run = 0;
     save()
  :: else
  fi
}

/* container_actor_state::drop_process */
inline drop_process() {
  dropped = true;
  acknowledge_all(ends_kept);
  ends_kept = 0;
  remembers = false;
  phase = 0;
  serial = 0;
  run_ = 0;
  restarts = 0;
  ended_ = 0;
  answered_runs = 0
}

/* The record's end may be that of an older run than PID 1 knows. */
#ifdef RECORD_WITHOUT_RUN
#define is_newer(its_run) false
#else
#define is_newer(its_run) (its_run > record.ended_run)
#endif

/* process_actor_state::adopt */
inline adopt_process() {
  serial = inventory.serial;
  restarts = inventory.restarts;
  run_ = inventory.newest_run;
  phase = created;
  if
  :: record.last != 0 && !is_newer(inventory.newest_run) ->
     phase = record.last /* restore_end */
  :: else
  fi;
  if
  :: record.ended_run > run_ -> run_ = record.ended_run
  :: else
  fi;
  if
  :: inventory.state == ended ->
     ended_ = bit_of(inventory.newest_run);
     if
     :: is_over(phase) /* else only its output was not all read */
     :: else ->
        phase = running; /* found_ended */
        end_run()
     fi;
     if
     :: ended_ != 0 && may_tell_ends -> changed()
     :: else
     fi
  :: inventory.state == starting -> phase = starting; changed()
  :: inventory.state == running -> phase = running; changed()
  fi
}

/* container_actor_state::take_inventory */
inline take_inventory() {
  if
  :: inventory.newest_run != 0 ->
     serial = inventory.serial;
#ifdef ANSWER_OLDER_RUNS
     if
     :: inventory.older != 0 -> inventory.restarts++
     :: else
     fi;
#endif
     acknowledge_all(inventory.older); /* forget_run, dismiss */
     remembers = remembers || (inventory.command != 0);
#ifndef ADOPT_UNRECORDED
     declare();
#endif
     adopt_process()
  :: inventory.newest_run == 0 && record.serial != 0 ->
     /* it waited for its next start, or is over */
     serial = record.serial;
     run_ = newest; /* used_runs: no number is given out again */
     if
     :: record.last != 0 -> phase = record.last
     :: else ->
        begin_run();
        changed()
     fi
  :: else
  fi;
  inventory.newest_run = 0;
  inventory.serial = 0;
  inventory.state = 0;
  inventory.failed = false;
  inventory.command = 0;
  inventory.restarts = 0;
  inventory.older = 0
}

active proctype container() {
  mtype what, its;
  byte its_run, i;
  short its_ended;

end:
  do
  /* container_actor_state::run and repeat */
  :: atomic {
       up && !adopting && request == run_process ->
       request = 0;
       if
       :: remembers ->
#ifndef ANSWER_REPEAT_AT_ONCE
          if
          :: owes_run ->
             deaf = false; /* he waits with the first one */
             taken = true
          :: else -> answer = process_started
          fi
#else
          answer = process_started
#endif
       :: !remembers && phase != 0 -> answer = already_exists
       :: !remembers && phase == 0 ->
          serial = record.next_serial; /* new_serial: promised on the disk */
          record.next_serial++;
          on_disk.next_serial = record.next_serial;
          remembers = true;
          taken = true;
          owes_run = true;
          starter = run_process;
          is_wish = true;
          restarts = 0;
          begin_run();
          changed()
       fi
     }
  /* forwarded: process_actor_state::start, stepper::on(start_requested) */
  :: atomic {
       up && !adopting && request == start_process ->
       request = 0;
       if
       :: phase == running -> answer = process_started
       :: phase == starting ->
          taken = true;
          starter = start_process;
          is_wish = true
       :: phase == backing_off || is_over(phase) ->
          taken = true;
          starter = start_process;
          is_wish = true;
          restarts = 0;
          by_hand = true;
          begin_run();
          changed()
       :: phase == stopping || phase == 0 -> answer = refused
       fi
     }
  /* forwarded: process_actor_state::stop, stepper::on(stop_requested) */
  :: atomic {
       up && !adopting && request == stop_process ->
       request = 0;
       taken = true;
       stopper = true;
       if
       :: phase == starting ->
          phase = stopping;
          changed()
       :: phase == running ->
          phase = stopping;
          tell_holder(signal, serial, run_);
          changed()
       :: phase == stopping
       :: phase == backing_off ->
          settle(exited)
       :: is_over(phase) || phase == 0 -> answer_stoppers()
       fi
     }
  /* forwarded: process_actor_state::wait */
  :: atomic {
       up && !adopting && request == wait_process &&
       (is_over(phase) || phase == 0) ->
       request = 0;
       answer = process_is
     }
  /* on(process_changed) */
  :: atomic {
       up && to_container?[process_changed] ->
       to_container?what, its, its_run, its_ended;
       note_end(its, its_run);
       keep_ends(its_ended);
       what = 0;
       its = 0;
       its_run = 0;
       its_ended = 0
     }
  /* the answer to `bring_up`, for `run` */
  :: atomic {
       up && (to_container?[process_started] || to_container?[refused]) ->
       to_container?what, _, _, _;
       owes_run = false;
       if
       :: what == process_started -> declare()
       :: what == refused -> drop_process()
       fi;
       if
       :: deaf -> deaf = false
       :: else ->
          answer = what;
          taken = false
       fi;
       what = 0
     }
  /* the answer to `stop_process` */
  :: atomic {
       up && to_container?[process_is] ->
       to_container?what, _, _, _;
       if
       :: save_due -> owed = process_is
       :: else ->
          answer = process_is;
          is_down = true;
          taken = false
       fi;
       what = 0
     }
  /* on(record_due) */
  :: atomic { up && save_due -> save() }
  /* take_inventory */
  :: atomic {
       up && adopting && reports?[hello_done] ->
       reports?hello_done(_);
       adopting = false;
       remembers = (record.command != 0);
       take_inventory()
     }
  od
}

/* who asks, what ends ====================================================== */

/* courier::send: again with the same number when the connection was lost,
 * until there is an answer. */
inline ask(what) {
  do
  :: atomic {
       up && request == 0 && !taken && answer == 0 -> request = what
     }
  :: atomic {
       answer != 0 ->
       got = answer;
       answer = 0;
       break
     }
  /* its connection breaks, and the daemon goes on */
  :: atomic {
       losses_left > 0 && what == run_process && taken && !deaf ->
       losses_left--;
       deaf = true;
       taken = false
     }
  od
}

active proctype client() {
  mtype got;

  ask(run_process);
  /* what was carried out is not refused */
  assert(got == process_started || got == refused);
  if
  :: got == refused
  :: got == process_started ->
     /* what is to come back, and somebody was told of, is in the record */
     assert(!may_come_back || on_disk.serial != 0);
#ifdef TEMPORARY
     ask(wait_process)
#else
     if
     :: skip
     :: ask(start_process)
     :: ask(stop_process);
        if
        :: skip
        :: atomic { is_down = false };
           ask(start_process)
        fi
     fi
#endif
  fi;
  client_done = true
}

/* The end of a daemon: what it knew is gone, and what it had not sent. What is
 * in the socket is for PID 1 to read. */
inline end_of_daemon() {
  up = false;
  adopting = false;
  daemon_end = false;
  knocks = false;
  /* Of the orders the last ones, any number, were still in mailboxes. */
  left = len(orders);
  do
  :: left > 0 && kept == 0 /* until one is lost, they are kept */ ->
     orders?order, order_serial, order_run, order_command, order_restarts;
     orders!order, order_serial, order_run, order_command, order_restarts;
     left--
  :: left > 0 ->
     kept = 1;
     orders?_, _, _, _, _;
     left--
  :: left == 0 -> break
  od;
  kept = 0;
  order = 0;
  order_serial = 0;
  order_run = 0;
  order_command = 0;
  order_restarts = 0;
  do
  :: reports?_, _
  :: empty(reports) -> break
  od;
  do
  :: to_container?_, _, _, _
  :: empty(to_container) -> break
  od;
  serial = 0;
  phase = 0;
  run_ = 0;
  restarts = 0;
  starter = 0;
  is_wish = false;
  stopper = false;
  ended_ = 0;
  record.next_serial = 0;
  record.serial = 0;
  record.command = 0;
  record.last = 0;
  record.ended_run = 0;
  save_due = false;
  to_acknowledge = 0;
  ends_kept = 0;
  remembers = false;
  owes_run = false;
  owed = 0;
  inventory.newest_run = 0;
  inventory.serial = 0;
  inventory.state = 0;
  inventory.failed = false;
  inventory.command = 0;
  inventory.restarts = 0;
  inventory.older = 0;
  request = 0;
  taken = false;
  deaf = false;
  answer = 0;
  answered_runs = 0
}

active proctype host() {
  byte crashes, upgrades, left, kept;
  mtype order;
  byte order_serial, order_run, order_command, order_restarts;

end:
  do
  :: atomic { up && crashes < CRASHES -> crashes++; end_of_daemon() }
  /* upgrade_desk::become: asked for, so a daemon is there that knows all */
  :: atomic {
       up && !adopting && upgrades < UPGRADES ->
       upgrades++;
       end_of_daemon()
     }
  /* the next one: state_store::load, connect_and_adopt */
  :: atomic {
       !up ->
       up = true;
       adopting = true;
       knocks = true;
       copy_record(record, on_disk)
     }
  od
}

/* properties =============================================================== */

#define is_settled \
  (client_done && up && !adopting && \
   (phase == running || is_over(phase) || phase == 0))

#ifdef LIVENESS
/* A permanent process runs at last, or is over for good and nobody waits. */
ltl comes_back { <>[] is_settled }
#else
/* When nothing can happen any more, both sides agree, and nothing is owed. */
active proctype rest() {
  byte i;

  timeout ->
  atomic {
    assert(is_settled && control && daemon_end && !save_due);
    assert(to_acknowledge == 0 && ended_ == 0);
    i = 1;
    do
    :: i == MOST_RUNS -> break
    :: else ->
       assert(table[i].state != starting);
       /* what runs has its supervisor */
       assert(table[i].state != running ||
              (phase == running && i == run_ && table_serial == serial));
       assert(phase != running || i != run_ || table[i].state == running);
#ifdef TEMPORARY
       /* what it ended with can be asked for */
       assert(!is_over(phase) || i != run_ || table[i].state == ended);
#else
       /* nothing is kept that is in the record */
       assert(table[i].state != ended);
#endif
       i++
    od;
    assert(!is_over(phase) || !may_come_back ||
           (on_disk.serial == serial && on_disk.last == phase))
  }
}
#endif

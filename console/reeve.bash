# Completion of reeve for bash.
#
# Names come from the daemon; without one there are none.

# Adds those of the words on standard input that fit to COMPREPLY.
_reeve_offer() {
  local word
  while IFS= read -r word; do
    [[ $word == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
  done
}

_reeve() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local verbs='create run exec attach ls ps tree info logs events wait signal
    stop start restart rm pause resume set get limits reclaim oom stats top image daemon
    completion'
  local keys='memory.limit= memory.swap= memory.swappiness= memory.soft= cpu.limit= cpu.burst=
    cpu.weight= cpu.idle= cpu.rt= cpuset.cpus= cpuset.mems= pids.limit= io.weight=
    io.read_bps= io.write_bps= io.read_iops= io.write_iops= hugetlb.limit= dirty.limit= oom.policy=
    rlimit.cpu= rlimit.fsize= rlimit.data= rlimit.stack= rlimit.core= rlimit.rss=
    rlimit.nproc= rlimit.nofile= rlimit.memlock= rlimit.as= rlimit.locks=
    rlimit.sigpending= rlimit.msgqueue= rlimit.nice= rlimit.rtprio= rlimit.rttime='
  local verb='' name='' i words=0
  local -a ask=(reeve --quiet)
  COMPREPLY=()

  case $prev in
    --root | --rootfs | --spec | --socket | --program)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      compopt -o filenames 2>/dev/null
      return
      ;;
    --sort)
      mapfile -t COMPREPLY < <(
        compgen -W 'cpu memory tasks disk name' -- "$cur")
      return
      ;;
    --restart)
      mapfile -t COMPREPLY < <(
        compgen -W 'permanent transient temporary' -- "$cur")
      return
      ;;
  esac

  # What stands before the cursor: the verb, the container, and which instance
  # is meant.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --) return ;;
      --root | --socket)
        ask+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
        ((i++))
        ;;
      --image | --rootfs | --spec | --hostname | --memory | --cpus | --pids | \
        --prop | --process | --restart | --after | --ready-fd | --ready-port | \
        --ready-command | --ready-timeout | --program | --user | --cwd | --env | --timeout | --since | --tail | --sort | --delay | --rounds | --for | -n)
        ((i++))
        ;;
      -*) ;;
      *)
        if [[ -z $verb ]]; then
          verb=${COMP_WORDS[i]}
        else
          [[ -z $name ]] && name=${COMP_WORDS[i]}
          ((words++))
        fi
        ;;
    esac
  done

  if [[ $prev == --image ]]; then
    _reeve_offer "$cur" < <("${ask[@]}" image ls 2>/dev/null)
    return
  fi

  if [[ $cur == -* ]]; then
    local options='--root --socket --json --quiet --help --version'
    case $verb in
      create)
        options+=' --image --rootfs --spec --hostname --memory --cpus --pids
          --prop --privileged --weak --durable'
        ;;
      run)
        options+=' --image --rootfs --process --restart --after --ready-fd
          --ready-port --ready-command --ready-exit --ready-timeout --user
          --cwd --env --detach --interactive --tty --rm --hostname --memory
          --cpus --pids --prop --privileged --weak --spec'
        ;;
      exec)
        options+=' --process --restart --after --ready-fd --ready-port
          --ready-command --ready-exit --ready-timeout --user --cwd --env
          --detach --interactive --tty --rm'
        ;;
      ls) options+=' --prop' ;;
      set) options+=' --prop --force' ;;
      top) options+=' --prop --sort --delay --rounds' ;;
      pause) options+=' --for' ;;
      stats) options+=' --follow --delay' ;;
      ps) options+=' --all' ;;
      limits) options+=' --all --follow' ;;
      rm) options+=' --force' ;;
      stop | restart) options+=' --timeout' ;;
      attach) options+=' --interactive' ;;
      logs) options+=' --follow --since --tail --timestamps' ;;
      events) options+=' --follow --after' ;;
      daemon) [[ $name == upgrade ]] && options+=' --program' ;;
    esac
    # These print text as it is, and no records.
    case $verb in
      attach | logs | completion) options=${options/--json/} ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi

  case $verb/$words in
    /*) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
    image/0) mapfile -t COMPREPLY < <(compgen -W 'ls' -- "$cur") ;;
    daemon/0) mapfile -t COMPREPLY < <(compgen -W 'info upgrade' -- "$cur") ;;
    completion/0) mapfile -t COMPREPLY < <(compgen -W 'bash' -- "$cur") ;;
    create/* | image/* | daemon/* | completion/* | events/*) ;;
    */0) _reeve_offer "$cur" < <("${ask[@]}" ls 2>/dev/null) ;;
    attach/1 | signal/1 | wait/1 | logs/1 | stop/1 | start/1 | restart/1 | rm/1 | limits/1)
      _reeve_offer "$cur" < <("${ask[@]}" ps -a "$name" 2>/dev/null)
      ;;
    signal/2)
      mapfile -t COMPREPLY < <(
        compgen -W 'TERM KILL INT HUP USR1 USR2 QUIT STOP CONT' -- "$cur")
      ;;
    set/*)
      mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$cur")
      compopt -o nospace 2>/dev/null
      ;;
    stats/* | reclaim/*) ;;
    oom/1)
      mapfile -t COMPREPLY < <(
        compgen -W 'kill_largest kill_group raise: wait:' -- "$cur")
      ;;
    get/*) mapfile -t COMPREPLY < <(compgen -W "${keys//=/}" -- "$cur") ;;
  esac
}

complete -F _reeve reeve

# Completion of kakehashi-ctl(8) for bash                 -*- shell-script -*-
#
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Nothing of what there is to complete is written here: the program is asked
# for its commands and options, once in a shell, and for the names of rows
# each time.  A line of "kakehashi-ctl --commands" is
#
#     [--may-exist] ,cluster-add,!NAME +EDGE ?failover=preemptive|nonpreemptive
#
# where ! is an argument that there has to be, ? one that there may be, + one
# or more, * any number.

_kakehashi_ctl_asked=
_kakehashi_ctl_commands=
_kakehashi_ctl_options=
_kakehashi_ctl_tables=

# Asks 'program' for what does not change.
_kakehashi_ctl_ask()
{
    [[ $_kakehashi_ctl_asked != "$program" ]] || return 0
    _kakehashi_ctl_commands=$("$program" --commands 2>/dev/null)
    _kakehashi_ctl_options=$("$program" --options 2>/dev/null)
    _kakehashi_ctl_tables=$("$program" --help 2>/dev/null \
        | sed -n 's/^  \([A-Z][A-Za-z_]*\):$/\1/p')
    _kakehashi_ctl_asked=$program
}

# Adds those words of the arguments that begin with 'cur' to COMPREPLY.
_kakehashi_ctl_offer()
{
    local word

    for word; do
        if [[ $word && $word == "$cur"* ]]; then
            printf -v word %q "$word"
            COMPREPLY+=("$word")
        fi
    done
}

# Offers the names of the rows of tables.
_kakehashi_ctl_names()
{
    local table
    local -a names

    for table; do
        mapfile -t names < <("$program" "${connection[@]}" --timeout=1 \
            --bare --columns=name list "$table" 2>/dev/null </dev/null)
        _kakehashi_ctl_offer "${names[@]}"
    done
}

# Offers values for the option or setting that 'cur' is the beginning of, as
# readline takes what follows the "=" for a word of its own.
_kakehashi_ctl_value()
{
    local key=${cur%%=*} word
    local cur=${cur#*=}

    case $key in
    --wait) _kakehashi_ctl_offer none ctl edges ;;
    --format) _kakehashi_ctl_offer table list html csv json ;;
    --data) _kakehashi_ctl_offer string bare json ;;
    --sort) _kakehashi_ctl_offer in out drops learn ;;
    --*-cert | --private-key | --certificate | --pidfile | --log-file)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    --*) ;;
    *)
        for word in "${settings[@]}"; do
            [[ $word != "$key="* ]] || _kakehashi_ctl_offer "${word#*=}"
        done
        ;;
    esac
}

# Offers options: those of commands, and, before the first command, those of
# the program.
_kakehashi_ctl_option()
{
    local words word

    words=$(sed 's/,.*//; s/[][]//g' <<<"$_kakehashi_ctl_commands")
    [[ $later ]] || words+=" $(sed 's/=ARG$/=/; s/ ARG$//' \
        <<<"$_kakehashi_ctl_options")"
    for word in $(sort -u <<<"${words// /$'\n'}"); do
        _kakehashi_ctl_offer "$word"
    done
    [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}

# Offers what 'command' takes after the words 'args'.
_kakehashi_ctl_argument()
{
    local -a kinds=() settings=() keys=()
    local spec word kind key n=0 required=0

    spec=$(sed -n "s/^[^,]*,$command,//p" <<<"$_kakehashi_ctl_commands")
    for word in $spec; do
        case $word in
        [?]*=*)
            # key=VALUE, key=VALUE|key=VALUE or key=value|value.
            for kind in ${word//|/ }; do
                [[ $kind != *=* ]] || key=${kind%%=*}
                settings+=("${key#[?]}=${kind#*=}")
                keys+=("${key#[?]}=")
            done
            ;;
        *)
            kinds+=("$word")
            [[ $word != [+!]* ]] || required=${#kinds[@]}
            ;;
        esac
    done
    for word in "${args[@]}"; do
        [[ $word == *=* ]] || n=$((n + 1))
    done

    if [[ $cur == *=* ]]; then
        # What stands for a value is none.
        mapfile -t settings < <(printf '%s\n' "${settings[@]}" \
            | grep -v '=[A-Z]*$')
        _kakehashi_ctl_value
        return
    fi
    kind=${kinds[n]-}
    if ((n >= ${#kinds[@]} && ${#kinds[@]})) \
            && [[ ${kinds[-1]} == [+*]* ]]; then
        kind=${kinds[-1]}
    fi
    case ${kind#[?+*!]} in
    SEGMENT) _kakehashi_ctl_names Segment ;;
    CLUSTER) _kakehashi_ctl_names Cluster ;;
    EDGE) _kakehashi_ctl_names Edge ;;
    'CLUSTER|EDGE') _kakehashi_ctl_names Cluster Edge ;;
    TABLE) _kakehashi_ctl_offer $_kakehashi_ctl_tables ;;
    RECORD) _kakehashi_ctl_names "${args[0]}" ;;
    esac
    if ((n >= required)); then
        word=${#COMPREPLY[@]}
        _kakehashi_ctl_offer $(printf '%s\n' "${keys[@]}" | sort -u)
        ((${#COMPREPLY[@]} == word)) || compopt -o nospace
    fi
}

_kakehashi_ctl()
{
    local cur cword program command='' later='' word i
    local -a words args=() connection=()

    _get_comp_words_by_ref -n =: cur words cword
    program=$(type -P "${words[0]}") || return 0
    _kakehashi_ctl_ask
    COMPREPLY=()

    for ((i = 1; i < cword; i++)); do
        word=${words[i]}
        if [[ $word == -- ]]; then
            command='' later=1 args=()
        elif [[ $command ]]; then
            args+=("$word")
        elif [[ $word != -* ]]; then
            command=$word
        elif [[ $word == --*=* ]]; then
            case $word in
            --db=* | --*-cert=* | --private-key=* | --certificate=*)
                connection+=("$word")
                ;;
            esac
        elif [[ $word == --db || $word == -[pcC] ]]; then
            i=$((i + 1))
            connection+=("$word" "${words[i]}")
        elif [[ $word == -[tfdu] || $word == --timeout ]]; then
            i=$((i + 1))
        fi
    done

    if [[ ! $command && $cur == --*=* ]]; then
        _kakehashi_ctl_value
    elif [[ ! $command && $cur == -* ]]; then
        _kakehashi_ctl_option
    elif [[ ! $command ]]; then
        _kakehashi_ctl_offer \
            $(cut -d, -f2 <<<"$_kakehashi_ctl_commands" | sort)
    else
        _kakehashi_ctl_argument
    fi
}

complete -F _kakehashi_ctl kakehashi-ctl

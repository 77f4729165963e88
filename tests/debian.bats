#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# What an ordinary distribution has in the guest: an SSH server, full-screen programs.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	# debian-wn, with its SSH server
	images=$(cluster_folder)/etc/wnodes/images.d
	sed 's/^cmdline = .*/& wnodes.test=sshd/' "$images/debian-wn.conf" > "$images/debian-ssh.conf"
	job=$(machine --vm=debian-ssh -n2)
	other=$(submit --vm=debian-ssh --output="$folder/other" --wrap "$(declare -f served); served; cat /etc/machine-id")
	export job other images
	in_job true
}

teardown_file()
{
	as_user scancel "$other"
	release_machine
	rm "$images/debian-ssh.conf"
	rm -rf "$folder"
}

# served: in the guest, once its SSH server has all three kinds of host keys: these, a line each
served()
{
	for _ in $(seq 300); do
		keys=$(ssh-keyscan -T 5 127.0.0.1 2> /dev/null | sed -n 's/^127[^ ]* //p' | sort)
		[ "$(echo "$keys" | wc -l)" -lt 3 ] || break
		sleep 0.3
	done
	echo "$keys"
}

# wnodes(7): SSH host keys
@test "an image's SSH host keys are no machine's: the server has the machine's own" {
	in_job sh -c "$(declare -f served); served; cat /etc/machine-id" > "$folder/mine"
	wait_job "$other" 60
	cut -c1-100 "$folder/mine" "$folder/other" "$(cluster_folder)/images/debian-wn/hostkey.pub"
	for name in mine other; do
		[ "$(grep -cE '^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp256) AAAA' "$folder/$name")" -eq 3 ]
		[ "$(wc -l < "$folder/$name")" -eq 4 ]
	done
	# seven different lines would be too few: no key, and no machine-id, is in two of them
	[ "$(cat "$folder/mine" "$folder/other" <(cut -d' ' -f1,2 "$(cluster_folder)/images/debian-wn/hostkey.pub") | sort -u | wc -l)" -eq 9 ]
	# what is served is what is there, as the package would have made it
	[ "$(in_job sh -c 'cat /etc/ssh/ssh_host_*_key.pub' | cut -d' ' -f1,2 | sort)" = "$(head -n 3 "$folder/mine")" ]
	[ "$(in_job sh -c 'stat -c "%a %U" /etc/ssh/ssh_host_*_key' | sort -u)" = "600 root" ]
}

# wnodes(7): --pty
@test "a full-screen program: tmux splits its window, follows its size, and is gone with its step" {
	code=0
	printf '%s\n' 'expect $ ' 'send echo "first $((6 * 7))"\r' 'expect first 42' 'send \x02"' 'expect $ ' \
		'send stty size; echo "second $((7 * 7))"\r' 'expect 14 100' 'expect second 49' \
		'size 24x80' 'wait 0.5' 'send clear; stty size\r' 'expect 11 80' \
		'send \x02o' 'wait 0.2' 'send clear; stty size; echo "third $((8 * 8))"\r' 'expect 11 80' 'expect third 64' \
		'send \x02d' 'expect [detached' end |
		as_user python3 "$common_top/tests/lib/terminal.py" --size 30x100 srun --jobid="$job" --overlap -n1 --pty \
			env -i PATH=/usr/bin:/bin TERM=vt100 HOME=/tmp 'PS1=$ ' tmux -f /dev/null new-session sh \
			> "$folder/tmux" 2>&1 || code=$?
	cat -v "$folder/tmux"
	[ "$code" -eq 0 ]
	no_tmux()
	{
		refute in_job pgrep tmux
	}
	wait_until 10 no_tmux
}

// A trial is one thing in many places: pointing at it in one of them finds it in all; a click holds it until the next.

let held = null;
const trialOf = (target) => target.closest?.('[data-trial]')?.dataset.trial ?? null;
function find(trial) {
  document.body.classList.toggle('finding', trial !== null);
  for (const part of document.querySelectorAll('[data-trial]')) part.classList.toggle('found', part.dataset.trial === trial);
}
document.addEventListener('pointerover', (event) => find(trialOf(event.target) ?? held));
document.addEventListener('click', (event) => {
  const trial = trialOf(event.target);
  held = trial === held ? null : trial;
  find(held);
});
document.documentElement.dataset.ready = 'yes';

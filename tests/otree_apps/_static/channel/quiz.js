document.getElementById("form").addEventListener("submit", (event) => {
  if (event.target.elements.sum.value !== "4") {
    event.preventDefault();
    alert("That is not the sum.");
  }
});
